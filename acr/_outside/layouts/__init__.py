"""Layouts: images on this machine, in folders, tars, memory and archives of `docker save`."""
