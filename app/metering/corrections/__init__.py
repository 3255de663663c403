"""Corrects recorded usage: a void is a new event that reverses another. Events themselves never change."""
