package main_test

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// A person starts the bot, and pastes the line that it answers.
func TestSelfServiceInAShell(t *testing.T) {
	t.Parallel()
	const admin = "the-admins-own-token-of-the-tests"
	w := newWorld(t, fast+"[onboarding]\nself_service = true\n[auth.tokens.admin]\ntoken = \""+admin+"\"\nscopes = [\"admin\"]\n")
	ada := w.user("Ada")
	w.say(ada, ada, "/start")
	text := w.messages(ada, 1)[0].Text
	line := regexp.MustCompile(`(?m)^curl .*$`).FindString(text)
	if line == "" {
		t.Fatalf("%q", text)
	}
	out, err := exec.CommandContext(t.Context(), "bash", "-c", line+" --silent --show-error --fail-with-body").CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	if got := w.messages(ada, 2)[1].Text; got != "Hello" {
		t.Errorf("%q", got)
	}
	token := regexp.MustCompile(`Bearer (\S+)'`).FindStringSubmatch(text)[1]
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/api/v1/messages", `{"to":"someone","text":"x"}`, 403},
		{"POST", "/hooks/json/someone", `{}`, 403},
		{"POST", "/hooks/json/tg-1001", `{"x":1}`, 202},
		{"GET", "/api/v1/recipients", "", 403},
		{"POST", "/api/v1/links", `{"recipient":"tg-1001"}`, 403},
	} {
		response, answer := w.exchange(c.method, w.relay+c.path, c.body, "Authorization", "Bearer "+token, "Content-Type", "application/json")
		if response.StatusCode != c.status {
			t.Errorf("%s %s: %d %s", c.method, c.path, response.StatusCode, answer)
		}
	}
	w.messages(ada, 3)
	// The storage has kept the token for no longer than it took to send it.
	var page struct {
		Items []struct {
			MessageID string `json:"message_id"`
			Recipient string
		}
	}
	_, answer := w.exchange("GET", w.relay+"/api/v1/deliveries", "", "Authorization", "Bearer "+admin)
	if err := json.Unmarshal([]byte(answer), &page); err != nil || len(page.Items) != 3 {
		t.Fatalf("%v %s", err, answer)
	}
	_, answer = w.exchange("GET", w.relay+"/api/v1/messages/"+page.Items[2].MessageID, "", "Authorization", "Bearer "+admin)
	if page.Items[2].Recipient != "" || !strings.Contains(answer, "a secret, deleted") {
		t.Errorf("%s", answer)
	}
	response, _ := w.exchange(http.MethodPost, w.relay+"/api/v1/messages", `{"to":"tg-1001","text":"x"}`, "Authorization", "Bearer wrong", "Content-Type", "application/json")
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong token: %d", response.StatusCode)
	}
}
