package main_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func picture(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 20, 20))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// upload posts a message with a file.
func (w *world) upload(message, kind, name string, content []byte) (status int, answer string) {
	w.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("message", message); err != nil {
		w.t.Fatal(err)
	}
	part, err := form.CreateFormFile(kind, name)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := part.Write(content); err != nil {
		w.t.Fatal(err)
	}
	form.Close()
	response, answer := w.exchange("POST", w.relay+"/api/v1/messages", body.String(), "Content-Type", form.FormDataContentType(), "Idempotency-Key", name)
	return response.StatusCode, answer
}

func (w *world) fileOf(id string) string {
	w.t.Helper()
	_, content := w.call("GET", w.sim+"/file/bot"+botToken+"/files/"+id, "")
	return content
}

func TestUploads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	ada := w.connect("Ada", "alice")
	chart := picture(t)
	for range 2 { // each form has a boundary of its own; the request is the same
		if status, answer := w.upload(`{"to":"alice","text":"*CPU* today","parse_mode":"MarkdownV2"}`, "photo", "cpu.png", chart); status != 202 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	got := w.messages(ada, 2)
	if got[1].Text != "CPU today" || len(got[1].Entities) != 1 || w.fileOf(got[1].Photo) != string(chart) {
		t.Errorf("the photo arrived as %+v", got[1])
	}
	// A caption holds 1024 characters; the rest follows. The message waits through a restart.
	w.do("POST", w.sim+"/sim/faults", `{"kind":"gateway","method":"sendDocument"}`, nil)
	long := strings.TrimSpace(strings.Repeat("word ", 500))
	w.upload(fmt.Sprintf(`{"to":"alice","text":%q}`, long), "document", "report.pdf", []byte("%PDF"))
	w.upload(`{"to":["alice"]}`, "document", "/etc/dir/alone.txt", []byte("no text"))
	w.restart()
	w.do("DELETE", w.sim+"/sim/faults", "", nil)
	got = w.messages(ada, 5)
	if got[2].FileName != "report.pdf" || len(got[2].Text) > 1024 || got[2].Text+" "+got[3].Text != long {
		t.Errorf("the report arrived as %+v, %+v", got[2], got[3])
	}
	if got[4].FileName != "alone.txt" || got[4].Text != "" || w.fileOf(got[4].Document) != "no text" {
		t.Errorf("the file alone arrived as %+v", got[4])
	}
	// What Telegram does not take as a photo is a document, and what it takes in no form leaves the text.
	w.do("POST", w.sim+"/sim/faults", `{"kind":"status","method":"sendPhoto","code":400,"description":"Bad Request: PHOTO_INVALID_DIMENSIONS"}`, nil)
	w.upload(`{"to":"alice","text":"wide"}`, "photo", "wide.png", chart)
	if got := w.messages(ada, 6)[5]; got.Text != "wide" || got.FileName != "wide.png" {
		t.Errorf("the wide photo arrived as %+v", got)
	}
	w.do("POST", w.sim+"/sim/faults", `{"kind":"status","method":"sendDocument","code":400,"description":"Bad Request: file is too big"}`, nil)
	w.upload(`{"to":"alice","text":"the text"}`, "photo", "lost.png", chart)
	if got := w.messages(ada, 7)[6]; !strings.HasPrefix(got.Text, "the text\n") || !strings.Contains(got.Text, "lost.png") {
		t.Errorf("without the photo: %+v", got)
	}
	w.allSent()
}

func TestFilesByAddress(t *testing.T) {
	t.Parallel()
	chart := picture(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/cpu.png":
			_, _ = w.Write(chart)
		case "/login":
			_, _ = w.Write([]byte("<!DOCTYPE html><title>Log in</title>"))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	body := func(path string) string {
		return fmt.Sprintf(`{"to":"alice","text":"CPU","photo":"%s/%s"}`, server.URL, path)
	}
	for name, c := range map[string]struct {
		setting, path string
		check         func(t *testing.T, w *world, m message)
	}{
		"fetched here": {"allow_private_addresses = true\n", "cpu.png", func(t *testing.T, w *world, m message) {
			if m.Text != "CPU" || w.fileOf(m.Photo) != string(chart) {
				t.Errorf("arrived as %+v", m)
			}
		}},
		"not from private addresses": {"", "cpu.png", func(t *testing.T, w *world, m message) {
			if m.Text != "CPU\n"+server.URL+"/cpu.png" {
				t.Errorf("arrived as %+v", m)
			}
			w.eventually(func() bool { return strings.Contains(w.process.text(), "no public address") })
		}},
		"not there": {"allow_private_addresses = true\n", "gone.png", func(t *testing.T, _ *world, m message) {
			if m.Text != "CPU\n"+server.URL+"/gone.png" {
				t.Errorf("arrived as %+v", m)
			}
		}},
		"no picture": {"allow_private_addresses = true\n", "login", func(t *testing.T, w *world, m message) {
			if m.Text != "CPU\n"+server.URL+"/login" || m.Document != "" {
				t.Errorf("arrived as %+v", m)
			}
			w.eventually(func() bool { return strings.Contains(w.process.text(), "no picture but text/html") })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fast+c.setting)
			ada := w.connect("Ada", "alice")
			w.do("POST", w.relay+"/api/v1/messages", `{"to":"alice","photo":"https://example.org/by-telegram.png"}`, nil)
			if m := w.messages(ada, 2)[1]; m.Photo == "" || m.Text != "" {
				t.Errorf("by Telegram: %+v", m)
			}
			w.do("POST", w.relay+"/api/v1/messages", body(c.path), nil)
			c.check(t, w, w.messages(ada, 3)[2])
			w.allSent()
		})
	}
}

func TestMediaFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	for body, want := range map[string]string{
		`{"to":"a","photo":"ftp://example.org/x"}`:                              "https://",
		`{"to":"a","photo":"https://example.org/x","document":"https://x.org"}`: "one photo or document",
		`{"to":"a","photo":7}`:                                                  "a string is wanted",
	} {
		if status, answer := w.call("POST", w.relay+"/api/v1/messages", body); status != 400 || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
	for kind, want := range map[string]string{"photo": "empty", "video": "unknown part"} {
		if status, answer := w.upload(`{"to":"a","text":"x"}`, kind, "x", nil); status != 400 || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s", kind, status, answer)
		}
	}
}
