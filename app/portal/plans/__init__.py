"""The plan comparison and the page of one plan. Imports no other page package and takes no payments."""
