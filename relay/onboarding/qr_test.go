package onboarding_test

import (
	"bytes"
	"encoding/xml"
	"image/png"
	"strings"
	"testing"

	"github.com/tgrelay/tgrelay/relay/onboarding"
)

const link = "https://t.me/relay_bot?start=AbCdEfGhIjKlMnOpQrStUvWx"

// The picture and the drawing are of the same code: wherever one is dark, the other is.
func TestQRCodesAgree(t *testing.T) {
	b, err := onboarding.QRPNG(link)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := onboarding.QRTerminal(link)
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(drawn), "\n")
	modules := picture.Bounds().Dx() / 8
	for y := range modules {
		line := []rune(rows[y/2])
		line = line[len([]rune("\x1b[38;5;16m\x1b[48;5;231m")):]
		for x := range modules {
			r, _, _, _ := picture.At(x*8+4, y*8+4).RGBA()
			dark := line[x] == '█' || (y%2 == 0 && line[x] == '▀') || (y%2 == 1 && line[x] == '▄')
			if (r == 0) != dark {
				t.Fatalf("module %d,%d: picture and drawing differ", x, y)
			}
		}
	}
}

func TestQRSVGIsXML(t *testing.T) {
	svg, err := onboarding.QRSVG(link)
	if err != nil {
		t.Fatal(err)
	}
	var root struct {
		XMLName xml.Name
		Paths   []struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal([]byte(svg), &root); err != nil {
		t.Fatal(err)
	}
	if root.XMLName.Local != "svg" || len(root.Paths) != 2 || !strings.HasPrefix(root.Paths[1].D, "M4 4h7v1") {
		t.Errorf("SVG begins %.200q; want the finder pattern's seven modules at 4,4", svg)
	}
}
