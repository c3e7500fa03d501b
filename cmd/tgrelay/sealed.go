package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"filippo.io/age"
	"filippo.io/age/armor"
	xterm "golang.org/x/term"
)

// This file holds how backups are encrypted: as age does, so that age opens them too (https://age-encryption.org).

// sealFlags say for whom a backup is encrypted; by none it is not.
type sealFlags struct {
	Recipient      []string `placeholder:"age1…" help:"Encrypt for an age recipient; may be repeated."`
	RecipientsFile string   `type:"path" placeholder:"FILE" help:"Encrypt for the age recipients in a file."`
	Passphrase     bool     `xor:"passphrase" help:"Encrypt with a passphrase, which is asked for."`
	PassphraseFile string   `type:"path" xor:"passphrase" placeholder:"FILE" help:"Encrypt with the passphrase in a file."`
}

// recipients are empty where nothing is encrypted.
func (f sealFlags) recipients(std *streams) ([]age.Recipient, error) {
	var list []age.Recipient
	for _, key := range f.Recipient {
		parsed, err := age.ParseRecipients(strings.NewReader(key))
		if err != nil {
			return nil, usageError{fmt.Errorf("--recipient %s is no age recipient: it looks like age1…, as age-keygen prints it", key)}
		}
		list = append(list, parsed...)
	}
	if f.RecipientsFile != "" {
		parsed, err := parseFile(f.RecipientsFile, age.ParseRecipients)
		if err != nil {
			return nil, err
		}
		list = append(list, parsed...)
	}
	if !f.Passphrase && f.PassphraseFile == "" {
		return list, nil
	}
	if len(list) > 0 {
		return nil, usageError{errors.New("a passphrase and recipients do not go together: choose one of them")}
	}
	passphrase, err := readPassphrase(f.PassphraseFile, true, std)
	if err != nil {
		return nil, err
	}
	r, err := age.NewScryptRecipient(passphrase)
	return []age.Recipient{r}, err
}

func parseFile[T any](name string, parse func(io.Reader) (T, error)) (T, error) {
	var none T
	f, err := os.Open(name)
	if err != nil {
		return none, usageError{err}
	}
	defer f.Close()
	parsed, err := parse(f)
	if err != nil {
		return none, usageError{fmt.Errorf("%s: %w", name, err)}
	}
	return parsed, nil
}

// readPassphrase takes the first line of a file, or asks for it at the terminal; a new one twice.
func readPassphrase(file string, isNew bool, std *streams) (string, error) {
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return "", usageError{err}
		}
		line, _, _ := strings.Cut(string(b), "\n")
		if line = strings.TrimRight(line, "\r"); line == "" {
			return "", usageError{fmt.Errorf("%s holds no passphrase", file)}
		}
		return line, nil
	}
	passphrase, err := ask(std, "Passphrase: ")
	if err != nil || !isNew {
		return passphrase, err
	}
	again, err := ask(std, "Again: ")
	if err == nil && again != passphrase {
		err = errors.New("these are two passphrases; try again")
	}
	return passphrase, err
}

// ask reads from the terminal itself: standard input may be the backup.
func ask(std *streams, prompt string) (string, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", usageError{errors.New("there is no terminal to ask for the passphrase at: give --passphrase-file")}
	}
	defer tty.Close()
	fmt.Fprint(tty, prompt)
	defer fmt.Fprintln(tty)
	return readHidden(int(tty.Fd()))
}

// readHidden reads a line that is not shown. Ctrl-C ends it, and the terminal shows again what is typed: main has the signal cancel a context only.
func readHidden(fd int) (string, error) {
	before, err := xterm.GetState(fd)
	if err != nil {
		return "", err
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(interrupted)
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := xterm.ReadPassword(fd)
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		if l.err == nil && len(l.text) == 0 {
			l.err = errors.New("the passphrase is empty")
		}
		return string(l.text), l.err
	case <-interrupted:
		return "", errors.Join(errors.New("interrupted"), xterm.Restore(fd, before))
	}
}

// openFlags say how an encrypted backup is opened.
type openFlags struct {
	Identity       []string `short:"i" type:"path" placeholder:"FILE" help:"File with age identities that open an encrypted backup; may be repeated."`
	PassphraseFile string   `type:"path" placeholder:"FILE" help:"File with the passphrase of an encrypted backup; else it is asked for."`
}

// open reads a backup, encrypted or not.
func (f openFlags) open(r io.Reader, std *streams) (io.Reader, error) {
	b := bufio.NewReader(r)
	head, _ := b.Peek(len(armor.Header))
	switch {
	case bytes.HasPrefix(head, []byte("age-encryption.org/")):
		return f.decrypt(b, std)
	case string(head) == armor.Header:
		return f.decrypt(armor.NewReader(b), std)
	}
	return b, nil
}

func (f openFlags) decrypt(r io.Reader, std *streams) (io.Reader, error) {
	var identities []age.Identity
	for _, name := range f.Identity {
		parsed, err := parseFile(name, age.ParseIdentities)
		if err != nil {
			return nil, err
		}
		identities = append(identities, parsed...)
	}
	if len(f.Identity) == 0 {
		identities = append(identities, lazyPassphrase{f.PassphraseFile, std})
	}
	plain, err := age.Decrypt(r, identities...)
	if _, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
		return nil, errors.New("the backup is encrypted, and this does not open it: give the right --identity FILE or --passphrase-file FILE")
	}
	return plain, err
}

// lazyPassphrase is asked for only where a passphrase opens the backup.
type lazyPassphrase struct {
	file string
	std  *streams
}

func (l lazyPassphrase) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if len(stanzas) != 1 || stanzas[0].Type != "scrypt" {
		return nil, age.ErrIncorrectIdentity
	}
	passphrase, err := readPassphrase(l.file, false, l.std)
	if err != nil {
		return nil, err
	}
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, err
	}
	return identity.Unwrap(stanzas)
}
