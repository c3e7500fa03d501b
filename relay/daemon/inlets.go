package daemon

import (
	"os"

	"github.com/tgrelay/tgrelay/receivers"
	"github.com/tgrelay/tgrelay/relay/render"
)

// inlets reads the files of telepush's inlets, by receiver and name. Their templates become files of the set.
func (b *builder) inlets() map[string]map[string]receivers.Inlet {
	all := map[string]map[string]receivers.Inlet{}
	for name, r := range b.c.Receivers {
		for _, file := range r.InletFiles() {
			inlet, ok := b.inlet("receivers."+name+".inlets", name, file)
			if !ok {
				continue
			}
			if all[name] == nil {
				all[name] = map[string]receivers.Inlet{}
			}
			if _, taken := all[name][inlet.Name]; taken {
				b.fault("receivers."+name+".inlets", "%s: there is an inlet %s already", file, inlet.Name)
			}
			all[name][inlet.Name] = inlet
		}
	}
	return all
}

func (b *builder) inlet(key, receiver, file string) (receivers.Inlet, bool) {
	content, err := os.ReadFile(file)
	var inlet receivers.Inlet
	var define string
	if err == nil {
		inlet, define, err = receivers.ParseInlet(receiver, content)
	}
	if err == nil { // alone, so that the fault names the file of this inlet
		_, err = render.New(render.Options{Files: []render.File{{Name: file, Text: define}}})
	}
	if err != nil {
		b.fault(key, "%s: %v", file, err)
		return inlet, false
	}
	b.inletFiles = append(b.inletFiles, render.File{Name: file, Text: define})
	return inlet, true
}
