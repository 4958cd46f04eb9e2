"""Photos in, textured heads out: the files of `face3d-live reconstruct`, of the studio page and of the live snapshot.

photo     bytes -> an upright picture, or why not        judge    is this face good enough, and how good
advice    every refusal in words, English and Chinese    find     the faces of a picture, and the codes of one
maker     `Reconstructor`: a picture -> files            batch    the command: many photos
refine   codes fitted to the photo itself                fusing   several pictures of one person
"""

from face3d_live.reconstruct.advice import advice
from face3d_live.reconstruct.batch import reconstruct_person, reconstruct_photos
from face3d_live.reconstruct.find import Face, Found, face_choice
from face3d_live.reconstruct.maker import FILES, Options, Progress, Reconstruction, Reconstructor
from face3d_live.reconstruct.photo import read_photo

__all__ = [
    "FILES", "Face", "Found", "Options", "Progress", "Reconstruction", "Reconstructor", "advice", "face_choice",
    "read_photo", "reconstruct_person", "reconstruct_photos",
]  # fmt: skip
