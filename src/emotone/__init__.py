"""emotone hears how something was said: speech emotion recognition by transfer learning.

Example:
    >>> import emotone
    >>> model = emotone.load("default")  # doctest: +SKIP
    >>> model.predict("call.wav").clip.label  # doctest: +SKIP
    'anger'

"""

__version__ = "0.1.0"
