"""Two or more configurations compared on the same seeds: is it better, by how much, and how sure is that?"""
