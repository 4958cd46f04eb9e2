"""Mapping a face to the values of an output: profiles tune the channels, presets define the output's names."""
