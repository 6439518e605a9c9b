"""Applying: what is decided while a plan is carried out, and what came of it. Nothing is sent from here."""
