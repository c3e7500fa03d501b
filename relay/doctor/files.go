package doctor

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"strings"

	"github.com/tgrelay/tgrelay/relay/config"
	"github.com/tgrelay/tgrelay/relay/secret"
	"github.com/tgrelay/tgrelay/relay/store"
)

const configuration = "the configuration"

// lookAtFiles looks at who may read the secrets and the storage, and who may put others in their place.
func lookAtFiles(_ context.Context, o *Options) []Finding {
	var all []Finding
	looked := 0
	look := func(path, what string) {
		info, err := os.Stat(path)
		if path == "" || err != nil {
			return // one that is missing is told of elsewhere
		}
		if what != configuration {
			looked++
		}
		switch mode := info.Mode().Perm(); {
		case mode&0o022 != 0:
			all = append(all, Finding{State: Failure, Found: fmt.Sprintf("others may change %s (%s, mode %04o)", path, what, mode), Remedy: "chmod go-w " + path})
		case mode&0o004 != 0 && what != configuration:
			all = append(all, Finding{State: Warning, Found: fmt.Sprintf("every user of this machine may read %s (%s, mode %04o)", path, what, mode), Remedy: "chmod o-r " + path})
		}
	}
	files, inline := secretsOf(reflect.ValueOf(o.Config).Elem(), "bot-token")
	files = append(files, store.Passfile(o.Config.Storage.URL))
	if u, err := url.Parse(o.Config.Storage.URL); err == nil {
		_, has := u.User.Password()
		inline = inline || has
	}
	for _, path := range files {
		look(path, "a secret")
	}
	if inline {
		look(o.Config.File, "it holds secrets itself")
	} else {
		look(o.Config.File, configuration)
	}
	if path, _, err := o.file(); err == nil {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			look(path+suffix, "the storage")
		}
	}
	if len(all) == 0 {
		return fine(fmt.Sprintf("files with secrets and data: %d, readable by their owner and group only", looked))
	}
	return all
}

// secretsOf finds, in all tables, the files that secrets are in, and whether one stands in the configuration itself: where neither a file nor a
// variable of the environment is named beside it. A bot's token may have come as a credential of systemd.
func secretsOf(v reflect.Value, credential string) (files []string, inline bool) {
	switch v.Kind() {
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if v.Type().Elem() == reflect.TypeFor[config.Bot]() {
				credential = "bot-token." + key.String()
			}
			f, i := secretsOf(v.MapIndex(key), credential)
			files, inline = append(files, f...), inline || i
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if !field.IsExported() {
				continue
			}
			f, in := secretsOf(v.Field(i), credential)
			files, inline = append(files, f...), inline || in
			name := field.Tag.Get("toml")
			switch value := v.Field(i).Interface().(type) {
			case string:
				if secretFile(name) && value != "" {
					files = append(files, value)
				}
			case secret.Value:
				inline = inline || !value.IsZero() && !elsewhere(v, field.Name, credential) && (name != "proxy_url" || strings.Contains(value.Reveal(), "@"))
			}
		}
	}
	return files, inline
}

func secretFile(key string) bool {
	for _, suffix := range []string{"token_file", "secret_file", "password_file"} {
		if strings.HasSuffix(key, suffix) {
			return true
		}
	}
	return false
}

// elsewhere reports whether the secret of a field came from a file, a variable or a systemd credential.
func elsewhere(table reflect.Value, name, credential string) bool {
	for _, suffix := range []string{"File", "Env"} {
		if f := table.FieldByName(name + suffix); f.IsValid() && f.Kind() == reflect.String && f.String() != "" {
			return true
		}
	}
	_, isBot := table.Interface().(config.Telegram)
	_, brought := secret.Credential(credential)
	return isBot && name == "Token" && brought
}
