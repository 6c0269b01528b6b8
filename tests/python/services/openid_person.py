"""A person with a browser: follows the address of a login, fills the forms of the provider, and prints where it sends them back to."""

import html.parser
import sys
import urllib.parse

import httpx


class Form(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.fields, self.action, self.inside = {}, None, False

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and attributes.get("method", "").lower() == "post" and self.action is None:
            self.inside, self.action = True, attributes.get("action", "")
        elif self.inside and tag in ("input", "button") and attributes.get("name"):
            self.fields.setdefault(attributes["name"], attributes.get("value", ""))

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False


address, name, password, back = sys.argv[1:5]
with httpx.Client(follow_redirects=False, timeout=20) as browser:
    answer = browser.get(address)
    for _ in range(20):
        if answer.is_redirect:
            target = str(answer.next_request.url)
            if target.startswith(back):
                print(target)
                sys.exit(0)
            answer = browser.get(target)
            continue
        form = Form()
        form.feed(answer.text)
        if form.action is None:
            break
        form.fields.update({key: value for key, value in (("login", name), ("password", password)) if key in form.fields})
        answer = browser.post(urllib.parse.urljoin(str(answer.url), form.action), data=form.fields)
print(answer.status_code, answer.url, answer.text[:2000], file=sys.stderr)
sys.exit(1)
