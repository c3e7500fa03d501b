package config

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
)

// hostPort is a host, with its port where it has one.
var hostPort = regexp.MustCompile(`^([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$`)

// compatible checks what only receivers have that stand in for other servers.
func (k *checker) compatible(key string, r *Receiver) {
	k.require(len(r.HTTPActions) == 0 || r.Type == "ntfy", key+".http_actions", "is for receivers of type ntfy")
	k.require(len(r.Inlets) == 0 || r.Type == "telepush", key+".inlets", "is for receivers of type telepush")
	for _, host := range r.HTTPActions {
		k.require(hostPort.MatchString(host), key+".http_actions", `%.100q is no host; want one in small letters, such as "ci.example.org" or "192.168.1.5:8080"`, host)
	}
	for i, glob := range r.Inlets {
		r.Inlets[i] = k.c.path(glob)
		found, err := filepath.Glob(r.Inlets[i])
		k.require(err == nil && len(found) > 0, key+".inlets", "no file fits %q", glob)
	}
}

// aliases checks that each is of one receiver.
func (k *checker) aliases() {
	owner := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(k.c.Receivers)) {
		r := k.c.Receivers[name]
		for _, alias := range r.Aliases {
			fits := alias == "ntfy" && r.Type == "ntfy" || alias != "ntfy" && kinds[r.Type].alerts
			k.require(fits, child("receivers", name)+".aliases", "a receiver of type %s cannot stand in for %s", r.Type, alias)
			if other, taken := owner[alias]; taken {
				k.fault(child("receivers", name)+".aliases", "%q is an alias of receiver %s already", alias, other)
			}
			owner[alias] = name
		}
	}
}

// InletFiles are the files of the receiver's inlets.
func (r Receiver) InletFiles() []string {
	var files []string
	for _, glob := range r.Inlets {
		found, _ := filepath.Glob(glob) // a malformed one is a fault of the configuration
		files = append(files, found...)
	}
	return files
}
