"""Pictures of the console: pure functions from plain values to SVG, coloured by classes only.

Every picture takes a `title` (what is shown) and computes its own description in words. Widths are pixels of the drawing: 720 fits a
full panel and 360 a phone; `canvas.fits` draws both and lets the page choose. None and NaN are gaps. A `unit` is "%" for fractions that read
as percentages, a currency sign ("$", "€"), any other word to put behind the number ("ms"), or empty.
"""
