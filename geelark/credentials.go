package geelark

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// hidden is what a secret prints as, everywhere.
const hidden = "<secret>"

// A Secret is a string that prints, formats and marshals as "<secret>". Convert
// it to string to use it.
type Secret string

// String returns "<secret>".
func (Secret) String() string { return hidden }

// GoString returns "<secret>".
func (Secret) GoString() string { return hidden }

// Format writes "<secret>" whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText returns "<secret>", for JSON and YAML.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Credentials are an account's, of one of two modes (document "Request
// Instructions"): a token, or an app id with an API key.
type Credentials struct {
	Token  Secret
	AppID  string
	APIKey Secret
}

// Check returns an error unless the credentials are whole, of one mode, and fit
// into a header.
func (c Credentials) Check() error {
	for _, s := range []string{string(c.Token), c.AppID, string(c.APIKey)} {
		if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return errors.New("a credential holds white space or a character that is not ASCII")
		}
	}
	switch {
	case c.Token != "" && (c.AppID != "" || c.APIKey != ""):
		return errors.New("both a token and an app id or API key are given: give one of them")
	case c.Token != "", c.AppID != "" && c.APIKey != "":
		return nil
	case c.AppID != "":
		return errors.New("an app id is given without an API key")
	case c.APIKey != "":
		return errors.New("an API key is given without an app id")
	}
	return errors.New("neither a token nor an app id with an API key is given")
}

// sign sets the headers of the credentials' mode and returns the app id, which
// is empty in token mode.
func (c Credentials) sign(h http.Header, traceID string, at time.Time) (appID string) {
	// The vendor spells these in camel case; a canonical key would do as well,
	// header names being case-insensitive.
	h.Set("traceId", traceID)
	if c.Token != "" {
		h.Set("Authorization", "Bearer "+string(c.Token))
		return ""
	}
	ts := strconv.FormatInt(at.UnixMilli(), 10)
	nonce := traceID[:min(6, len(traceID))]
	h.Set("appId", c.AppID)
	h.Set("ts", ts)
	h.Set("nonce", nonce)
	h.Set("sign", signature(c.AppID, traceID, ts, nonce, string(c.APIKey)))
	return c.AppID
}

// A Digest stands for credentials without telling them.
type Digest [sha256.Size]byte

// Digest returns the SHA-256 of the credentials: the same for the same ones.
func (c Credentials) Digest() Digest {
	h := sha256.New()
	for _, part := range []string{string(c.Token), c.AppID, string(c.APIKey)} {
		_ = binary.Write(h, binary.BigEndian, uint64(len(part)))
		_, _ = io.WriteString(h, part)
	}
	return Digest(h.Sum(nil))
}

// hide replaces the secrets in a text that came from elsewhere.
func (c Credentials) hide(s string) string {
	for _, secret := range []Secret{c.Token, c.APIKey} {
		if secret != "" {
			s = strings.ReplaceAll(s, string(secret), hidden)
		}
	}
	return s
}

// signature is the upper-case hexadecimal SHA-256 of its parts in this order
// (document "Request Instructions").
func signature(appID, traceID, ts, nonce, apiKey string) string {
	sum := sha256.Sum256([]byte(appID + traceID + ts + nonce + apiKey))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// A CredentialSource is asked for the credentials before every request, so that
// a rotated secret is used without a restart. It must be safe for concurrent
// use.
type CredentialSource interface {
	Credentials(ctx context.Context) (Credentials, error)
}

// Credentials returns c itself: fixed credentials are their own source.
func (c Credentials) Credentials(context.Context) (Credentials, error) { return c, c.Check() }

// TokenFile is the source of a token in the named file. White space around it
// is left out.
type TokenFile string

// Credentials reads the file.
func (f TokenFile) Credentials(context.Context) (Credentials, error) {
	s, err := readSecret(string(f))
	if err != nil {
		return Credentials{}, err
	}
	return check(Credentials{Token: s}, string(f))
}

// APIKeyFile is the source of an app id with the API key in the named file.
// White space around the key is left out.
type APIKeyFile struct{ AppID, File string }

// Credentials reads the file.
func (f APIKeyFile) Credentials(context.Context) (Credentials, error) {
	s, err := readSecret(f.File)
	if err != nil {
		return Credentials{}, err
	}
	return check(Credentials{AppID: f.AppID, APIKey: s}, f.File)
}

func check(c Credentials, file string) (Credentials, error) {
	if err := c.Check(); err != nil {
		return Credentials{}, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

func readSecret(file string) (Secret, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	// A token has a few hundred bytes; a path to something else must not be
	// read whole before every request.
	const most = 64 << 10
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return "", err
	}
	if len(b) > most {
		return "", fmt.Errorf("%s is larger than %d bytes: it must hold the secret and nothing else", file, most)
	}
	s := strings.TrimSpace(string(b))
	if s == "" {
		return "", fmt.Errorf("%s is empty: it must hold the secret and nothing else", file)
	}
	return Secret(s), nil
}
