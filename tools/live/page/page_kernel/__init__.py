"""What a lab needs of Jupyter, in a page."""
