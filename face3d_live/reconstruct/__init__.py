"""Photos in, textured heads out: the files of `face3d-live reconstruct`, of the studio page and of the live snapshot.

photo        bytes -> an upright picture, or why not       judge    is this face good enough, and how good
colour       its colours to sRGB                           find     the faces of a picture, and the codes of one
search       faces of a photo of any size                  frame    the upright part of it that is used
second_look  is it a face                                  maker    `Reconstructor`: a picture -> files
advice       every refusal in words, English and Chinese   batch    the command: many photos
refine       codes fitted to the photo itself              fusing   several pictures of one person
"""

from face3d_live.reconstruct.advice import advice
from face3d_live.reconstruct.batch import reconstruct_person, reconstruct_photos
from face3d_live.reconstruct.find import Face, Found, face_choice
from face3d_live.reconstruct.photo import Photo, load_photo, read_photo
from face3d_live.reconstruct.reconstructor import FILES, Options, Progress, Reconstruction, Reconstructor

__all__ = [
    "FILES", "Face", "Found", "Options", "Photo", "Progress", "Reconstruction", "Reconstructor", "advice",
    "face_choice", "load_photo", "read_photo", "reconstruct_person", "reconstruct_photos",
]  # fmt: skip
