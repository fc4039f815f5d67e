"""What an application tells a server that wants to know, in its registry."""

#: A function of a request's WSGI environ, without the body: the most bytes that the body may have,
#: or `None` if the request will be refused whatever the body is.
BODY_LIMIT = "bookstore.body_limit"

#: The paths of requests that must be answered however busy the others are.
PROBES = "bookstore.probes"
