from twisted.web.resource import Resource


class Page(Resource):
    isLeaf = True

    def __init__(self, extra):
        super().__init__()
        self.extra = extra

    def render_GET(self, request):
        told = (self.extra["word"], request.getClientAddress().host, request.isSecure(), request.postpath)
        return repr(told).encode()
