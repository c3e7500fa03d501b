// Command shop is an application of a hundred lines whose users connect Telegram: the whole of what tgrelay asks of one.
//
//	TGRELAY_TOKEN=… EVENTS_SECRET=whsec_… go run ./docs/examples/shop
//
// relay.toml needs a token with the scopes links and send, and [events] url = "http://127.0.0.1:8080/events" with the same secret.
package main

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
)

var (
	relay  = cmp.Or(os.Getenv("TGRELAY_SERVER"), "http://127.0.0.1:9786")
	listen = cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:8080")

	connected sync.Map // user to true; a real shop has a database
)

var page = template.Must(template.New("").Parse(`<!doctype html><meta charset="utf-8"><title>Shop</title>
<h1>Hello, {{ .User }}</h1>
{{ if .Connected }}<p id="connected">✅ We write to you on Telegram.</p>
<form method="post" action="/order?user={{ .User }}"><button id="order">Order a teapot</button></form>
{{ else }}<form method="post" action="/connect?user={{ .User }}"><button id="connect">Connect Telegram</button></form>{{ end }}`))

func main() {
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		_, yes := connected.Load(user(r))
		page.Execute(w, map[string]any{"User": user(r), "Connected": yes})
	})
	// One call makes a link; its page does the rest.
	http.HandleFunc("POST /connect", func(w http.ResponseWriter, r *http.Request) {
		var link struct {
			PageURL string `json:"page_url"`
		}
		if err := call("/api/v1/links", map[string]any{"recipient": user(r)}, &link); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		http.Redirect(w, r, link.PageURL, http.StatusSeeOther)
	})
	// One call sends a message, here with a button.
	http.HandleFunc("POST /order", func(w http.ResponseWriter, r *http.Request) {
		message := map[string]any{
			"to": user(r), "text": "A *teapot* is on its way\\.", "parse_mode": "MarkdownV2",
			"reply_markup": map[string]any{"inline_keyboard": [][]map[string]any{{{"text": "Cancel", "callback": "cancel:1"}}}},
		}
		if err := call("/api/v1/messages", message, nil); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		http.Redirect(w, r, "/?user="+user(r), http.StatusSeeOther)
	})
	http.HandleFunc("POST /events", events)
	log.Printf("the shop is at http://%s/?user=ada", listen)
	log.Fatal(http.ListenAndServe(listen, nil))
}

// user is who is logged in; a real shop has sessions.
func user(r *http.Request) string { return cmp.Or(r.URL.Query().Get("user"), "ada") }

// events hears what happens.
func events(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil || !signed(r.Header, body) {
		http.Error(w, "the signature is wrong", http.StatusUnauthorized)
		return
	}
	var event struct {
		Type string
		Data struct{ Recipient, Data string }
	}
	if err := json.Unmarshal(body, &event); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch event.Type {
	case "recipient.linked":
		connected.Store(event.Data.Recipient, true)
	case "recipient.unlinked", "recipient.blocked":
		connected.Delete(event.Data.Recipient)
	case "button.pressed": // the answer changes the message
		fmt.Fprint(w, `{"text": "Cancelled", "message": {"text": "Your order was cancelled."}}`)
	}
}

// signed checks the signature, as every library of Standard Webhooks does.
func signed(h http.Header, body []byte) bool {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("EVENTS_SECRET"), "whsec_"))
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", h.Get("webhook-id"), h.Get("webhook-timestamp"), body)
	return hmac.Equal([]byte("v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil))), []byte(h.Get("webhook-signature")))
}

// call makes a request to the relay.
func call(path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(http.MethodPost, relay+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+os.Getenv("TGRELAY_TOKEN"))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		text, _ := io.ReadAll(answer.Body)
		return fmt.Errorf("the relay answers %s: %s", answer.Status, text)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(out)
}
