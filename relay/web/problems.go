package web

import (
	"bytes"
	_ "embed"
	"html/template"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/tgrelay/tgrelay/relay"
)

// explanation is what a code means, and what whoever meets it does.
type explanation struct {
	Code  relay.Code
	Means string
	Do    string
}

// explanations are the pages at /problems/{code}, one for each code, and the table in docs/http.md.
var explanations = []explanation{
	{relay.CodeInvalidJSON, "The body is not JSON in UTF-8, is cut off, is nested too deeply, or is not packed as its Content-Encoding says.", "Look at the byte that `detail` names, and send the body whole and in UTF-8."},
	{relay.CodeUnknownField, "The body has a field that this call does not know.", "Compare its spelling with the fields that `errors` lists; nothing was taken of the request."},
	{relay.CodeInvalidField, "A field, a header or a parameter has a wrong type or value, is missing, or comes twice.", "Mend what `errors` names: each entry has a JSON pointer and what would be right."},
	{relay.CodeTemplateError, "The template of the message failed with the data that came with it.", "Try it with `tgrelay render --template NAME FILE`, and guard what may be missing with `if` or `get`."},
	{relay.CodeUnknownTemplate, "No template has this name.", "Name a built-in one, or bring your own with `files` of `[templates]` in relay.toml."},
	{relay.CodeInvalidMarkup, "The text breaks the rules of its `parse_mode`, just as Telegram reads it.", "Escape what is data, send it without `parse_mode`, or use a template, in which values cannot break anything."},
	{relay.CodeUnauthenticated, "The request shows no token, or one that is not known, or not from this address.", "Send `Authorization: Bearer TOKEN`; `tgrelay token check` says what a token may do, `tgrelay token new` makes one."},
	{relay.CodeInvalidSignature, "The signature of the webhook is missing, wrong or too old.", "Give sender and receiver the same secret (`hmac_secret_file`), and see to the clocks of both."},
	{relay.CodeForbidden, "The token may not do this: it lacks the scope, the receiver or the recipient. Or the page of another site asked.", "Use another token, or let the operator add to this one's `scopes`, `receivers` or `recipients`."},
	{relay.CodeUnknownReceiver, "There is no receiver of this name.", "Check the path after /hooks/, or make the receiver: `[receivers.NAME]` in relay.toml."},
	{relay.CodeUnknownRecipient, "Nobody is named to get the message, or no such recipient is known.", "Name the recipient in the path, or set `to` of the receiver or `fallback` of `[delivery]`. A recipient comes into being with its first chat."},
	{relay.CodeNotFound, "There is nothing at this path, no such thing, or none that the token may see.", "Check path and ID. Finished messages are forgotten after `retention`."},
	{relay.CodeMethodNotAllowed, "The path is right, the method is not.", "Use one of the methods in the header `Allow`."},
	{relay.CodeRecipientNotLinked, "A recipient has no chat yet, and `on_unlinked` is `reject`.", "Make a link with `POST /api/v1/links` or `tgrelay link`, and send again once it was opened."},
	{relay.CodeConflict, "What is there does not allow it: it is in another state, or was changed meanwhile.", "Read it again, and decide anew."},
	{relay.CodeBodyTooLarge, "The body is larger than `max_body`, as it is sent or once it is unpacked.", "Send less, or raise `max_body` of `[server]`."},
	{relay.CodeUnsupportedMediaType, "The body is of a kind, or packed in a way, that this call does not take.", "Send `Content-Type: application/json` (curl: `--json`), packed with gzip or zstd or not at all."},
	{relay.CodeIdempotencyMismatch, "The same Idempotency-Key came before with another body.", "Use a new key for each message, and the same only to repeat a request unchanged."},
	{relay.CodeRateLimited, "The token makes more requests than its `rate` allows.", "Wait as long as `Retry-After` says, or send several messages in one batch."},
	{relay.CodeStorageUnavailable, "The storage takes no writes; nothing was kept of the request.", "Send it again after `Retry-After`. The operator sees to the disk: `/-/ready` and the log say what is wrong."},
	{relay.CodeOverloaded, "There is more to do at the moment than can be done, or more than the token's `rate` allows.", "Send it again after `Retry-After`."},
	{relay.CodeShuttingDown, "The server is about to stop.", "Send it again after `Retry-After`."},
	{relay.CodeNotReady, "Telegram cannot be reached or refuses the bot, the storage takes no writes, or a part of tgrelay hangs.", "Do what `detail` says. Messages are taken and kept as long as the storage works."},
	{relay.CodeInternal, "A fault of tgrelay itself.", "Look for the request ID (`X-Request-Id`) in the log, and report what it says."},
	{relay.CodeLinkNotOpen, "The link was used, has expired, was revoked, or never was. The bot says so in the chat.", "Ask for a new link where this one came from."},
	{relay.CodeWrongPlace, "The link is for a private chat and was opened in a group, or the other way round. The bot says so in the chat.", "Open it where the bot says."},
}

//go:embed problem.html
var problemHTML string

var problemPage = template.Must(template.New("problem").Parse(problemHTML))

// typeOf is where a code is explained: the `type` of a problem.
func typeOf(r *http.Request, c relay.Code) string {
	return termsOf(r).PublicURL + "/problems/" + string(c)
}

// explain is the page of a code: HTML for browsers, else text.
func (s *Server) explain(w http.ResponseWriter, r *http.Request, _ *Token) error {
	for _, e := range explanations {
		if string(e.Code) == r.PathValue("code") {
			return e.write(w, r)
		}
	}
	return notFound("code")
}

func (e explanation) write(w http.ResponseWriter, r *http.Request) error {
	var page bytes.Buffer
	kind := "text/plain"
	if wantsHTML(r) {
		kind = "text/html"
		if err := problemPage.Execute(&page, e); err != nil {
			return err
		}
	} else {
		page.WriteString(e.Heading() + "\n\n" + e.Means + "\n" + e.Do + "\n")
	}
	w.Header().Set("Vary", "Accept")
	secure(w.Header(), "style-src 'unsafe-inline'", "'none'")
	tagged(w, r, kind+"; charset=utf-8", page.Bytes())
	return nil
}

// Heading is the code as words, with its status.
func (e explanation) Heading() string {
	if e.Code == relay.CodeLinkNotOpen || e.Code == relay.CodeWrongPlace {
		return title(e.Code)
	}
	return title(e.Code) + " (" + strconv.Itoa(e.Code.Status()) + ")"
}

// wantsHTML reports whether a browser asks.
func wantsHTML(r *http.Request) bool {
	for kind := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		if name, params, err := mime.ParseMediaType(kind); err == nil && name == "text/html" && params["q"] != "0" {
			return true
		}
	}
	return false
}

// secure keeps a page from being framed, from loading anything but what sources allow, and from sending forms elsewhere than forms says.
func secure(h http.Header, sources, forms string) {
	h.Set("Content-Security-Policy", "default-src 'none'; "+sources+"; base-uri 'none'; form-action "+forms+"; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}
