package geelark

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"geelark_exporter/geelark/regular"
)

// maxSecretFile is more than any secret has, in bytes: a path to something else
// must not be read whole before every request.
const maxSecretFile = 64 << 10

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

// Trimmed leaves out what editors and shells put around a secret: white space and
// a byte order mark.
func (c Credentials) Trimmed() Credentials {
	return Credentials{Token: Secret(trim(string(c.Token))), AppID: trim(c.AppID), APIKey: Secret(trim(string(c.APIKey)))}
}

func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' })
}

// Check returns an error unless the credentials are whole, of one mode, and can
// be secrets of the vendor's. It names what is wrong without showing it.
func (c Credentials) Check() error {
	for _, part := range []struct{ name, value string }{
		{PartToken, string(c.Token)}, {PartAppID, c.AppID}, {PartAPIKey, string(c.APIKey)},
	} {
		if what := strange(part.value); what != "" {
			return &SecretError{Part: part.name, Found: what}
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

// The parts of credentials that a [SecretError] is about.
const (
	PartToken  = "the token"
	PartAppID  = "the app id"
	PartAPIKey = "the API key"
)

// A SecretError is a part of credentials that can be no secret of the vendor's. It
// does not show it.
type SecretError struct {
	Part  string // PartToken, PartAppID or PartAPIKey
	Found string // "holds blanks", for example, and what to do
}

func (e *SecretError) Error() string { return e.Part + " " + e.Found }

// strange says what a value has that no secret of the vendor's can have, "" for
// nothing.
func strange(s string) string {
	contains := func(f func(r rune) bool) bool { return strings.ContainsFunc(s, f) }
	switch {
	case strings.HasPrefix(s, "\xff\xfe"), strings.HasPrefix(s, "\xfe\xff"), len(s) > 1 && (s[0] == 0 || s[1] == 0):
		return "is in UTF-16: save it as UTF-8"
	case strings.ContainsRune(s, 0):
		return "holds NUL characters"
	case strings.ContainsAny(s, "\r\n"):
		return "has several lines"
	case contains(unicode.IsSpace):
		return "holds blanks: give the secret and nothing else"
	case contains(unicode.IsControl):
		return "holds control characters"
	case contains(func(r rune) bool { return r > '~' }):
		return "holds characters that are not ASCII"
	case s != "" && (strings.ContainsAny(s[:1], "\"'`") || strings.ContainsAny(s[len(s)-1:], "\"'`")):
		return "stands in quotes: leave them out"
	}
	return ""
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

// signature is the upper-case hexadecimal SHA-256 of its parts in this order
// (document "Request Instructions").
func signature(appID, traceID, ts, nonce, apiKey string) string {
	sum := sha256.Sum256([]byte(appID + traceID + ts + nonce + apiKey))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// A CredentialSource is asked for the credentials before every request, so that
// a rotated secret is used without a restart. It must be safe for concurrent
// use, and return when ctx is done.
type CredentialSource interface {
	Credentials(ctx context.Context) (Credentials, error)
}

// Credentials returns c itself, without white space and byte order marks around
// its parts: fixed credentials are their own source.
func (c Credentials) Credentials(context.Context) (Credentials, error) {
	c = c.Trimmed()
	return c, c.Check()
}

// TokenFile is the source of a token in the named file, which must be a regular
// one of 64 KiB at most. White space and a byte order mark around the token are
// left out.
type TokenFile string

// Credentials reads the file. Its errors name the file and never show what is in
// it.
func (f TokenFile) Credentials(ctx context.Context) (Credentials, error) {
	s, err := readSecret(ctx, string(f))
	if err != nil {
		return Credentials{}, err
	}
	return fromFile(ctx, Credentials{Token: s}, string(f))
}

// APIKeyFile is the source of an app id with the API key in the named file, which
// is read as that of a [TokenFile].
type APIKeyFile struct{ AppID, File string }

// Credentials reads the file. Its errors name the file and never show what is in
// it.
func (f APIKeyFile) Credentials(ctx context.Context) (Credentials, error) {
	s, err := readSecret(ctx, f.File)
	if err != nil {
		return Credentials{}, err
	}
	return fromFile(ctx, Credentials{AppID: f.AppID, APIKey: s}, f.File)
}

func fromFile(ctx context.Context, c Credentials, file string) (Credentials, error) {
	c, err := c.Credentials(ctx)
	if err != nil {
		return Credentials{}, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// looksSecret reports whether a secret may have been given in place of its file's
// name.
func looksSecret(name string) bool { return len(name) >= 24 && strings.ContainsAny(name, "0123456789") }

func readSecret(ctx context.Context, file string) (Secret, error) {
	b, err := regular.Read(ctx, file, maxSecretFile)
	if _, large := errors.AsType[*regular.SizeError](err); large {
		return "", fmt.Errorf("%w: it must hold the secret and nothing else", err)
	}
	if errors.Is(err, fs.ErrNotExist) && looksSecret(filepath.Base(file)) {
		return "", errors.New("no file of that name, which looks like a secret itself: name the file that holds it")
	}
	if err != nil {
		return "", err
	}
	if trim(string(b)) == "" {
		return "", fmt.Errorf("%s is empty: it must hold the secret and nothing else", file)
	}
	return Secret(b), nil
}
