"""Prediction of files, folders and streams, and the formats it is written in."""

import logging

# Applications decide what is printed. The handler is added here, since `import emotone` should not import logging.
logging.getLogger("emotone").addHandler(logging.NullHandler())
