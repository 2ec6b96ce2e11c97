# SPDX-License-Identifier: BSD-2-Clause
"""What weir fmt has laid out is the same to nginx, too: it answers alike from a file before and after."""

import subprocess

import pytest

from harness import binary
from harness.nginx import NGINX, Nginx

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx")

HTTP = r"""
map   $arg_a   "$kind" { volatile;hostnames; # two of them
  default  'none';   "b c"  quoted;
  ~^x(?<rest>.*)$   "rest of $rest";~*\.(gif|png)$ picture   ; "~^(\d{2});$" "number $1";
  b\;c  escaped;
}
geo $here # where
# from
{ default 0;
127.0.0.0/8
   "a
b" ; }
split_clients   $arg_s   $part { 50%   one ; *  "" ; }
"""
SERVER = r"""
location = /map { return   200 "$kind|$here|$part|" ; }
location =/glued{return 200 glued;}
location = /lines
{
  return # a status
     200
     'a
  b'
  # and that was it
  ;
}
location = /escapes { return 200 "\"'\t\\\n\d" ; }
location = /plain { return 200 \"a\tb\;c\{d#e;}
location = /if { if ($arg_a = "b"){return 200 yes;}if  ($arg_a   ~   "^(c)d$" ) { return 201 "$1" ; } return 202 no; }
location ~ "^/re/(\d{2,3})$" { return 200 "${arg_a}x$1"; }
location / { types { text/x-a   a
   aa ; } default_type  text/x-b ;# here
   return 200 ""; }
"""
TARGETS = ["/map", "/map?a=b%20c", "/map?a=xyz", "/map?a=a.PNG", "/map?a=12;", "/map?a=b;c", "/map?s=3", "/map?s=4", "/glued", "/lines", "/escapes",
           "/plain", "/if", "/if?a=b", "/if?a=cd", "/re/12", "/re/1234", "/re/123?a=$", "/a.aa", "/a.a", "/a.b"]


def answers(server):
    try:
        server.start()
        found = [server.get(target) for target in TARGETS]
        return [(answer.status, answer.get("Content-Type"), answer.body) for answer in found]
    finally:
        server.finish()


def test_nginx_answers_alike():
    before, after = Nginx(http=HTTP, server=SERVER), Nginx(http=HTTP, server=SERVER)
    done = subprocess.run([binary(), "fmt"], input=after.expand(after.template).encode(), capture_output=True, timeout=20)
    assert done.returncode == 0, done.stderr
    after.template = done.stdout.decode()
    assert after.template != after.expand(before.template)
    found = answers(before)
    assert len({body for _, _, body in found}) > 12
    assert found == answers(after)
