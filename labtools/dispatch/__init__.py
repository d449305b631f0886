"""How an agent sends its calls: to which model, how many at once, and when to send one again.

It works on whatever can be awaited. It knows no lab and chooses no clock, so the same code
drives simulated calls, real ones and anything else.
"""
