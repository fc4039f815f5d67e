"""The API's description (OpenAPI 3.1) and its page, made from what serves the requests.

=======================  =======================================================================
``own_types.py``         our strict Colander types as JSON Schema
``colander_types.py``    a host's Colander schema (for `extra`) as JSON Schema
``schemas.py``           what goes in and out: the book in its forms, pages, reports
``problems.py``          the errors: one schema per code, one response per set of codes
``headers.py``           headers of requests and of answers
``examples.py``          what a book, a page, a feed look like
``described.py``         the words that the table of operations needs beside it
``operations.py``        what each operation takes, answers and refuses: one row each
``document.py``          puts it all together for one mount
``page.py``              `/docs`: Swagger UI, or a plain page without it; ``assets/`` of ours
=======================  =======================================================================
"""
