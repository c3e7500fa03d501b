package shape_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/shape"
)

func TestKeysThatComeTwice(t *testing.T) {
	many := &strings.Builder{}
	for i := range 40 {
		fmt.Fprintf(many, `"k%d":%d,`, i, i)
	}
	for text, want := range map[string]string{
		`{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}`: "",
		`{"a":1,"a":2}`:                                 "/a",
		`{"a":1,"\u0061":2,"A":3}`:                      "/a",
		`{"x":[{},{"a/b":1,"a/b":2}]}`:                  "/x/1/a~1b",
		`{"a":"\"a\":","b":"{\"b\":1,"}`:                "",
		`{"a\\":1,"a\\":1}`:                             `/a\`,
		`{"a":"a","b":"a","a":"a","a":0}`:               "/a /a",
		`{` + many.String() + `"k39":0,"k0":0,"k40":0}`: "/k39 /k0",
		`[{"a":1},{"a":1}]`:                             "", `"a"`: "", `]}{"a":1,"a":1`: "/a", `{"a":"`: "", ``: "", `{"a\`: "",
	} {
		twice, err := shape.Check([]byte(text), shape.Limits{Depth: 9, Keys: 99, Unique: true})
		if err != nil || strings.Join(twice, " ") != want {
			t.Errorf("%s: %v, %v; want %s", text, twice, err, want)
		}
	}
	twice, err := shape.Check([]byte(`{"a":1,"a":2}`), shape.Limits{Depth: 9, Keys: 9})
	if twice != nil || err != nil {
		t.Errorf("nobody asked: %v, %v", twice, err)
	}
}

func TestLimits(t *testing.T) {
	for text, says := range map[string]string{
		`[[[1]]]`: "", `[[[[]]]]`: "deeper than 3", `{"a":{"b":{"c":{}}}}`: "deeper than 3",
		`{"a":1,"b":2,"c":3,"d":"e"}`: "", `{"a":1,"b":2,"c":3,"d":[{"e":1}]}`: "more than 4 keys", strings.Repeat("[", 1<<20): "deeper than 3",
		`["[[[[","\"[[[[",1]`: "",
	} {
		_, err := shape.Check([]byte(text), shape.Limits{Depth: 3, Keys: 4})
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%.30s: %v, want %q", text, err, says)
		}
	}
}

// counted is what encoding/json says of a text: how deep it is, how many keys it has, and whether one comes twice.
func counted(text []byte) (depth, keys int, twice bool) {
	dec := json.NewDecoder(bytes.NewReader(text))
	type level struct {
		object, named bool
		keys          map[string]bool
	}
	var open []level
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) || err != nil {
			return depth, keys, twice
		}
		if d, ok := token.(json.Delim); ok && (d == '}' || d == ']') {
			open = open[:len(open)-1]
			continue
		}
		if n := len(open); n > 0 && open[n-1].object {
			if open[n-1].named = !open[n-1].named; open[n-1].named {
				name := token.(string)
				keys++
				twice = twice || open[n-1].keys[name]
				open[n-1].keys[name] = true
			}
		}
		if d, ok := token.(json.Delim); ok {
			open = append(open, level{object: d == '{', keys: map[string]bool{}})
			depth = max(depth, len(open))
		}
	}
}

// What is said of valid JSON is what encoding/json finds, and nothing panics.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"a":1,"a":2}`, `[[{"a":[]}]]`, `{"\u0061":1,"a":"\\"}`, `{"a":{"b":[1,"x",{"b":2,"b":3}]}}`, `"`, `{"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		twice, err := shape.Check(text, shape.Limits{Depth: 5, Keys: 8, Unique: true})
		if !json.Valid(text) {
			return
		}
		depth, keys, double := counted(text)
		if (err != nil) != (depth > 5 || keys > 8) {
			t.Fatalf("%q: %v; it has %d levels and %d keys", text, err, depth, keys)
		}
		if err == nil && double != (len(twice) > 0) {
			t.Fatalf("%q: %v; want twice: %v", text, twice, double)
		}
		if slices.Contains(twice, "") {
			t.Fatalf("%q: %q", text, twice)
		}
	})
}
