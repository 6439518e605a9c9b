"""x"""
class R:
    breaking=False
    def as_json(self): return {}
    def as_text(self): return ""
def compare(*a): return R()
