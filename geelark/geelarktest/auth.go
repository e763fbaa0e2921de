package geelarktest

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// credentials are the account's secrets, checked as "Request Instructions"
// says (Token verification, Key verification).
type credentials struct {
	token, appID, apiKey string
}

// accept reports whether a request is the account's. A request with an
// Authorization header is in token mode, any other in key mode.
//
// The traceId is documented as a version 4 UUID, but the vendor's own samples
// send 32 hexadecimal digits that are none, so its form is not checked.
func (c credentials) accept(h http.Header) bool {
	if value := h.Get("Authorization"); value != "" {
		token, ok := strings.CutPrefix(value, "Bearer ")
		return ok && c.token != "" && same(token, c.token)
	}
	traceID, ts, nonce := h.Get("traceId"), h.Get("ts"), h.Get("nonce")
	return c.appID != "" && c.apiKey != "" &&
		milliseconds(ts) &&
		nonce == traceID[:min(6, len(traceID))] &&
		same(h.Get("appId"), c.appID) &&
		same(h.Get("sign"), sign(c.appID, traceID, ts, nonce, c.apiKey))
}

func sign(appID, traceID, ts, nonce, apiKey string) string {
	return fmt.Sprintf("%X", sha256.Sum256([]byte(appID+traceID+ts+nonce+apiKey)))
}

// milliseconds reports whether ts can be a time in milliseconds. The bound
// lies in 1973 and refuses any present time in seconds; no document tells how
// old a request may be, and the vendor's own test vector is of 2024.
func milliseconds(ts string) bool {
	n, err := strconv.ParseInt(ts, 10, 64)
	return err == nil && n >= 100_000_000_000
}

// same compares in a time that depends neither on the contents nor on the
// lengths.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func upperHex(high, low uint64) string { return fmt.Sprintf("%016X%016X", high, low) }
