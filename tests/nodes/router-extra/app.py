import os

import inside
from autobahn.twisted.wamp import ApplicationSession


class App(ApplicationSession):
    def onJoin(self, details):
        def words():
            extra = self.config.extra
            return [extra["word"], os.environ["WORD"], inside.WORD, os.path.basename(extra["cbdir"]), os.path.basename(os.getcwd()), os.environ["JACKFIELD_WORKER"]]

        return self.register(words, "com.words")
