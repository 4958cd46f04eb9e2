"""What an output makes of the face: profiles that tune the channels, presets that name what programs understand."""
