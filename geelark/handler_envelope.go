package geelark

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
)

// envelope is what every answer stands in (document "Request Instructions").
// Code is a pointer, since an answer without one must not read as success.
type envelope struct {
	Code    *Code           `json:"code"`
	Message string          `json:"msg"`
	TraceID string          `json:"traceId"`
	Data    json.RawMessage `json:"data"`
}

// envelopeHandler turns an answer into the call's data or a typed error.
type envelopeHandler struct{ next handler }

func (h *envelopeHandler) do(ctx context.Context, c *call) error {
	if err := h.next.do(ctx, c); err != nil {
		return err
	}
	malformed := func(what string) error {
		return &TransportError{Endpoint: c.endpoint, Reason: ReasonMalformed, TraceID: c.traceID, Err: errors.New(what)}
	}
	var e envelope
	if err := json.Unmarshal(c.answer, &e); err != nil {
		// The decoder's error may quote the answer.
		return malformed("the answer is not the documented JSON")
	}
	if e.Code == nil {
		return malformed("the answer has no code")
	}
	c.code = *e.Code
	if e.TraceID != "" {
		c.traceID = clip(c.credentials.hide(e.TraceID))
	}
	hasData := len(e.Data) > 0 && !bytes.Equal(e.Data, []byte("null"))
	switch *e.Code {
	case CodeOK:
	case CodePartial, CodeBatchFailed:
		// What succeeded and what failed stands in the data.
		if hasData {
			break
		}
		fallthrough
	default:
		return &APIError{Code: *e.Code, Message: clip(c.credentials.hide(e.Message)), TraceID: c.traceID, AppID: c.appID, Endpoint: c.endpoint}
	}
	if !hasData {
		return malformed("the answer has no data")
	}
	if err := json.Unmarshal(e.Data, c.out); err != nil {
		return malformed("the answer's data is not as documented")
	}
	return nil
}

// clip bounds what an answer can put into an error.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") // the cut may be within a character
	}
	return s
}
