"""What may come in, declared with Colander: the rules of the book and of the query parameters.

``book`` and ``listing`` hold the declarations and the functions that apply them; ``types``,
``extra`` and ``query`` the strict types they are made of; ``faults`` what comes out when a rule is
broken. Colander's own types are not used for what clients send: they take strings for numbers,
booleans for integers, and null for what is missing.
"""
