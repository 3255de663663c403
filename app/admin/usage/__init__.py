"""Staff's usage: what all organisations use of a meter, when and through what. Pages, files and API of one report."""
