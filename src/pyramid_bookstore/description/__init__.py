"""The OpenAPI 3.1 document and its page, made from the code that serves the requests.

=======================  =======================================================================
``own_types.py``         our strict Colander types as JSON Schema
``colander_types.py``    a host's Colander schema (for `extra`) as JSON Schema
``schemas.py``           what goes in and out: the book in its forms, pages, reports
``problems.py``          the errors: one schema per code, one response per set of codes
``headers.py``           headers of requests and of answers
``examples.py``          what a book, a page, a feed look like
``described.py``         the classes that describe an operation
``operations.py``        the description of each operation
``paths.py``             the paths of the document
``document.py``          the whole document of one mount
``page.py``              `/docs`: Swagger UI, or a plain page without it; ``assets/`` of ours
=======================  =======================================================================
"""
