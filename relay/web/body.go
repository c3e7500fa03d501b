package web

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/tgrelay/tgrelay/relay"
)

const (
	// maxEncodings is how often a body may be packed. Nobody packs more than once on purpose.
	maxEncodings = 3
	// maxWindow is the most memory that unpacking zstd may ask for: RFC 9659 bounds it to this in HTTP.
	maxWindow = 8 << 20
	// noLimit is for bodies that are stored while they are read.
	noLimit = -1
)

// body reads and unpacks a request's body, at most MaxBody bytes of it. Errors: relay.CodeBodyTooLarge, CodeUnsupportedMediaType,
// CodeInvalidJSON for one that ends early or is not packed as it says.
func (s *Server) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limit := termsOf(r).MaxBody
	if r.ContentLength > limit {
		return nil, tooLarge(w, limit)
	}
	plain, err := unpacked(w, r, http.MaxBytesReader(w, r.Body, limit), limit)
	if err != nil {
		return nil, s.unfit(w, r, err)
	}
	defer plain.Close()
	var read bytes.Buffer
	if r.ContentLength > 0 {
		read.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	if _, err = read.ReadFrom(plain); err != nil {
		return nil, s.unfit(w, r, err)
	}
	return read.Bytes(), nil
}

// unfit says why a body could not be read.
func (s *Server) unfit(w http.ResponseWriter, r *http.Request, err error) error {
	oversized, coded := new(http.MaxBytesError), new(relay.Error)
	switch {
	case errors.Is(err, errUnpacked) || asError(err, &oversized):
		return tooLarge(w, termsOf(r).MaxBody)
	case asError(err, &coded):
		return err
	}
	return unreadable(r, err)
}

// linger is how long a connection is read on of which nothing more is wanted: a caller that still sends is to see the answer first.
const linger = 500 * time.Millisecond

// tooLarge refuses a body without reading it to its end.
func tooLarge(w http.ResponseWriter, limit int64) error {
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(linger)) // where it cannot be set there is no connection
	return &relay.Error{Code: relay.CodeBodyTooLarge, Detail: fmt.Sprintf("the body is larger than %d bytes; max_body of [server] in relay.toml allows more", limit)}
}

func unreadable(r *http.Request, err error) error {
	detail := "the body ended before its announced length"
	if encodings := encodingsOf(r); len(encodings) > 0 {
		detail = fmt.Sprintf("the body is not packed as its Content-Encoding (%s) says, or ended too early", strings.Join(encodings, ", "))
	}
	return &relay.Error{Code: relay.CodeInvalidJSON, Detail: detail, Err: err}
}

// encodingsOf are the names in Content-Encoding, in the order in which they were applied.
func encodingsOf(r *http.Request) []string {
	names := strings.Split(strings.ToLower(strings.Join(r.Header.Values("Content-Encoding"), ",")), ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" || name == "identity" })
}

// unpackers by the name of their encoding.
var unpackers = map[string]func(io.Reader) (io.ReadCloser, error){"gzip": gunzip, "x-gzip": gunzip, "zstd": unzstd}

func gunzip(packed io.Reader) (io.ReadCloser, error) { return gzip.NewReader(packed) }

func unzstd(packed io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// unpacked reads a body as it was before its Content-Encoding. No step of the way may give more than limit bytes: what unpacks to nothing
// costs time, too. Errors: relay.CodeUnsupportedMediaType, and the unpackers' own.
func unpacked(w http.ResponseWriter, r *http.Request, packed io.Reader, limit int64) (io.ReadCloser, error) {
	layers := &layers{top: packed}
	encodings := encodingsOf(r)
	if len(encodings) > maxEncodings {
		return nil, unknownEncoding(w, "so many encodings")
	}
	for _, name := range slices.Backward(encodings) {
		if unpackers[name] == nil {
			return nil, unknownEncoding(w, fmt.Sprintf("the Content-Encoding %.40q", name))
		}
		if err := layers.unpack(unpackers[name], limit); err != nil {
			return nil, errors.Join(err, layers.Close())
		}
	}
	return layers, nil
}

func unknownEncoding(w http.ResponseWriter, what string) error {
	w.Header().Set("Accept-Encoding", "gzip, zstd") // RFC 7694
	return &relay.Error{Code: relay.CodeUnsupportedMediaType, Detail: what + " cannot be unpacked here; send the body as it is, or packed with gzip or zstd"}
}

// layers is a reader with the unpackers that it goes through.
type layers struct {
	top    io.Reader
	open   []io.Closer
	bounds []*bounded
}

func (l *layers) unpack(by func(io.Reader) (io.ReadCloser, error), limit int64) error {
	plain, err := by(l.top)
	if err != nil {
		return l.cause(err)
	}
	l.open = append(l.open, plain)
	l.top = plain
	if limit != noLimit {
		b := &bounded{plain, limit}
		l.bounds = append(l.bounds, b)
		l.top = b
	}
	return nil
}

func (l *layers) Read(p []byte) (int, error) {
	n, err := l.top.Read(p)
	return n, l.cause(err)
}

// cause is errUnpacked where that is behind an error: unpackers make their own of what they read.
func (l *layers) cause(err error) error {
	if err != nil && slices.ContainsFunc(l.bounds, func(b *bounded) bool { return b.left < 0 }) {
		return errUnpacked
	}
	return err
}

func (l *layers) Close() (err error) {
	for _, c := range slices.Backward(l.open) {
		err = errors.Join(err, c.Close())
	}
	return err
}

// errUnpacked is the error of what unpacks to more than it may.
var errUnpacked = errors.New("too large once it is unpacked")

// bounded fails as soon as more than left bytes come.
type bounded struct {
	io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return 0, errUnpacked
	}
	return n, err
}
