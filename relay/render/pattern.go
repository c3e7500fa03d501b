package render

import (
	"regexp"

	lru "github.com/hashicorp/golang-lru/v2"
)

// patterns are the regular expressions that templates used last: to compile one costs more than most templates do. Few templates have as
// many; long ones, which a value may have written, are not kept.
var patterns = newPatterns()

const (
	manyPatterns = 256
	longPattern  = 256 // bytes
)

func newPatterns() *lru.Cache[string, *regexp.Regexp] {
	cache, err := lru.New[string, *regexp.Regexp](manyPatterns)
	if err != nil {
		panic(err) // only for a size below one
	}
	return cache
}

func compiled(pattern string) (*regexp.Regexp, error) {
	if re, known := patterns.Get(pattern); known {
		return re, nil
	}
	re, err := regexp.Compile(pattern)
	if err == nil && len(pattern) <= longPattern {
		patterns.Add(pattern, re)
	}
	return re, err
}

// match is Alertmanager's: {{ match "^https?://" .GeneratorURL }}.
func match(pattern, text string) (bool, error) {
	re, err := compiled(pattern)
	if err != nil {
		return false, err
	}
	return re.MatchString(text), nil
}
