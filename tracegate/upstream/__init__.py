"""One HTTP exchange with one target: the seam, its transports, and the hop that uses them."""
