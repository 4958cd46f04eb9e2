"""Photos in, textured heads out: the files of `face3d-live reconstruct`, of the studio page and of the live snapshot.

photo                   bytes to an upright picture, or why not
colour                  its colours to sRGB
search                  faces of a photo of any size
frame                   the upright part of the photo that is used
find                    which face is meant, and its codes
augmented_estimate      codes from the average over several crops
rotation_consistency    rejects false detections
quality_gate            whether the face is good enough
refinement              codes fitted to the photo's pixels
fusing                  several pictures of one person
own_topology            a face in another regressor's own numbers and mesh
reconstructor           `Reconstructor`: a picture to files
background              its second thread: OpenGL, and tables ahead of their use
edited                  the files of a finished head with changes of its user
advice                  every refusal and warning in words, English and Chinese
batch                   the command: many photos
outcome, photo_progress what became of each, and what is printed of it
"""

from face3d_live.reconstruct.advice import advice
from face3d_live.reconstruct.batch import reconstruct_person, reconstruct_photos
from face3d_live.reconstruct.find import Face, Found, face_choice
from face3d_live.reconstruct.options import Options, RunsOn
from face3d_live.reconstruct.photo import Photo, load_photo, read_photo
from face3d_live.reconstruct.reconstructor import FILES, Reconstruction, Reconstructor
from face3d_live.reconstruct.run import Progress

__all__ = [
    "FILES", "Face", "Found", "Options", "Photo", "Progress", "Reconstruction", "Reconstructor", "RunsOn", "advice",
    "face_choice", "load_photo", "read_photo", "reconstruct_person", "reconstruct_photos",
]  # fmt: skip
