"""Fitting the codes to the photo's pixels: the steps, the crop they look at, and what keeps the head plausible."""
