"""Moving a site of Spyce 2.1 to Python 3: `spyce migrate`.

    reading.py   where in a page its Python stands        site.py     a whole folder: report, diff, write
    skeleton.py  a page's Python as one Python module     flags.py    what a human has to decide
    pages.py     converts a page in place                 python.py   converts Python text, with fissix
    fixers.py    conversions that fissix lacks            trees.py     what its trees say
"""
