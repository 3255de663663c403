"""The baselines that figures are divided by. Written once, in the usual way; never tuned."""
