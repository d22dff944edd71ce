"""The requests of 3D Slicer's MONAI Label module, in its order and as it sends them."""

import email
import gzip
import http.client
import json
from urllib.parse import quote_plus, urlencode

import nibabel as nib
import numpy as np
import pytest
from server_client import running, send, settled

from spondyl import read_image

LIMIT = "----------lImIt_of_THE_fIle_eW_$"
"""The module's own boundary, with characters that few others use."""


def multipart(fields, files=()):
    """A body as the module makes it: fields, then files, each line ended by CRLF."""
    lines = []
    for name, value in fields.items():
        lines += [f"--{LIMIT}", f'Content-Disposition: form-data; name="{name}"', "", value]
    for name, file, content in files:
        lines += [f"--{LIMIT}", f'Content-Disposition: form-data; name="{name}"; filename="{file}"']
        lines += ["Content-Type: application/octet-stream", "", content]
    lines += [f"--{LIMIT}--", ""]
    return b"".join((line if isinstance(line, bytes) else line.encode()) + b"\r\n" for line in lines)


def ask(client, method, path, body=None, kind=None, headers=()):
    """One request over the standard library's HTTP, as the module sends it; status, type and body."""
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port, timeout=60)
    described = {"content-type": kind, "content-length": str(len(body))} if body else {}
    connection.request(method, path, body, {**described, **dict(headers)})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.getheader("content-type"), content


def infer(client, query, files=()):
    params = json.dumps({"result_extension": ".nrrd", "result_dtype": "uint8", "client_id": "user-xyz"})
    body = multipart({"params": params}, files)
    return ask(client, "POST", f"/infer/vertebrae?{query}", body, f"multipart/form-data; boundary={LIMIT}")


def parts(kind, content):
    """The JSON and the image of a multipart answer."""
    message = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + content)
    params, image = message.get_payload()
    assert params.get_param("name", header="content-disposition") == "params"
    assert params.get_filename() is None  # the module takes what has a file name for the image
    assert image.get_filename() == "vertebrae.nii.gz"
    file = nib.Nifti1Image.from_bytes(gzip.decompress(image.get_payload(decode=True)))
    return json.loads(params.get_payload()), file


def test_a_scan_from_slicer_comes_back_as_segments(working, scan):
    assert json.loads(ask(working, "GET", "/auth/")[2]) == {"enabled": False}
    info = json.loads(ask(working, "GET", "/info/")[2])
    assert not info.get("config")  # the module takes it for an old server
    assert info["models"]["vertebrae"]["type"] == "segmentation"
    assert info["models"]["vertebrae"]["description"]
    assert ask(working, "GET", "/train/?check_if_running=true")[0] == 404  # means: nothing is trained
    sent = working.put(
        "/session/", files=[("files", ("tmpa1.nii.gz", scan.read_bytes()))], data={"client_id": "x"}
    )
    session = sent.json()["session_id"]
    assert json.loads(ask(working, "GET", f"/session/{quote_plus(session)}")[2])
    status, kind, content = infer(working, f"image=CT&session_id={session}")
    assert status == 200, content
    params, labels = parts(kind, content)
    assert params["label_names"] == {"L1": 1, "L2": 2, "S1": 3}
    np.testing.assert_allclose(labels.affine, read_image(scan).grid.affine)
    voxels = np.asarray(labels.dataobj)
    mask = nib.Nifti1Image.from_bytes(gzip.decompress(working.get(f"/api/cases/{session}/mask").content))
    np.testing.assert_array_equal(np.array([0, 20, 21, 26])[voxels], mask.dataobj)
    working.post(f"/api/cases/{session}/corrections", json={"kind": "shift", "by": -1}).raise_for_status()
    params, _ = parts(*infer(working, f"image=CT&session_id={session}")[1:])
    assert params["label_names"] == {"T12": 1, "L1": 2, "L5": 3}
    working.delete(f"/api/cases/{session}")
    assert ask(working, "GET", f"/session/{session}")[0] == 404


def test_a_scan_sent_with_the_question(working, scan):
    status, kind, content = infer(working, "image=", [("file", "CT.nii.gz", scan.read_bytes())])
    assert status == 200, content
    assert parts(kind, content)[0]["label_names"] == {"L1": 1, "L2": 2, "S1": 3}


def test_what_cannot_be_answered_is_told(working):
    assert infer(working, "session_id=" + "0" * 32)[0] == 404
    assert infer(working, "session_id=../../etc")[0] == 422
    assert infer(working, "image=CT")[0] == 422  # neither a session nor a file
    assert ask(working, "POST", "/infer/spleen?session_id=" + "0" * 32)[0] == 404
    assert ask(working, "POST", "/infer/vertebrae?image=CT")[0] == 415
    broken = send(working, ("notes.nii.gz", b"hello")).json()["id"]
    assert settled(working, broken)["state"] == "failed"
    status, _, content = infer(working, f"session_id={broken}")
    assert (status, "not gzip" in json.loads(content)["detail"]) == (422, True)


def test_the_token_is_the_password(tmp_path):
    token = "a secret of some length"
    with running(tmp_path, work=False, token=token) as locked:
        for method, path in (("GET", "/info/"), ("PUT", "/session/"), ("POST", "/infer/vertebrae")):
            assert ask(locked, method, path)[0] == 401
        assert json.loads(ask(locked, "GET", "/auth/")[2]) == {"enabled": True}
        form = "application/x-www-form-urlencoded"
        for password, status in (("wrong", 401), (token, 200)):
            body = urlencode({"username": "me", "password": password, "grant_type": "password"})
            answered, _, content = ask(locked, "POST", "/auth/token", body, form)
            assert answered == status
        granted = json.loads(content)
        header = {"Authorization": f"{granted['token_type']} {granted['access_token']}"}
        assert ask(locked, "GET", "/auth/token/valid")[0] == 401
        assert ask(locked, "GET", "/auth/token/valid", headers=header.items())[0] == 200
        assert ask(locked, "GET", "/info/", headers=header.items())[0] == 200


@pytest.mark.parametrize("path", ["/info/", "/auth/token/valid"])
def test_answers_are_not_kept(working, path):
    assert working.get(path).headers["cache-control"] == "no-store"
