package main_test

import "testing"

// The pages that everybody may see: a link's own, what an error's code means, and where one signs in.
func TestOpenPagesInABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.link(`{"recipient":"warm-up"}`) // the bot is known
	var link struct {
		PageURL string `json:"page_url"`
	}
	w.do("POST", w.relay+"/api/v1/links", `{"recipient":"alice","qr":true}`, &link)
	b := newTab(t, w.relay)
	for name, address := range map[string]string{
		"link": link.PageURL, "problem": w.relay + "/problems/recipient_not_linked", "sign-in": w.relay + "/sign-in",
	} {
		b.visit(address)
		b.inspect("open-" + name)
	}
}
