"""From what is wanted to what is: the pure plan, the steps it consists of, and the loop that takes them."""
