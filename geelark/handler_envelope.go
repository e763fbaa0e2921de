package geelark

import (
	"context"
	"errors"
)

// answerData is what an answer's data is read into.
type answerData interface {
	// read takes the data anew: an answer may hold it twice.
	read(r *reader)
	// accepts reports whether the data is an answer although the code, which is
	// not [CodeOK], says that the call failed as a whole or in part.
	accepts(c Code) bool
	// check returns what is wrong with the data, in words of this package.
	check() error
}

// envelopeHandler turns an answer into the call's data or a typed error. Every
// answer stands in an envelope of code, msg, traceId and data (document "Request
// Instructions").
type envelopeHandler struct{ next handler }

func (h *envelopeHandler) do(ctx context.Context, c *call) error {
	if err := h.next.do(ctx, c); err != nil {
		return err
	}
	var (
		code    Optional[Code] // an answer without one must not read as success
		message string
		traceID string
		hasData bool
	)
	r := newReader(c.answer)
	r.object(func(name []byte) {
		switch string(name) {
		case "code":
			code = integer[Code](r)
		case "msg":
			message = r.text()
		case "traceId":
			traceID = r.text()
		case "data":
			if hasData = !r.isNull(); hasData {
				c.out.read(r)
			}
		}
	})
	nameTrace := func() {
		if id := c.clean(traceID, maxTraceID); id != "" {
			c.traceID = id
		}
	}
	malformed := func(err error) error {
		nameTrace()
		return &TransportError{Endpoint: c.endpoint, Reason: ReasonMalformed, TraceID: c.traceID, Err: err}
	}
	if err := r.end(); err != nil {
		return malformed(err)
	}
	var ok bool
	if c.code, ok = code.Get(); !ok {
		return malformed(errors.New("the answer has no code"))
	}
	switch {
	case c.code != CodeOK && (!hasData || !c.out.accepts(c.code)):
		nameTrace()
		return &APIError{Code: c.code, Message: c.clean(message, maxMessage), TraceID: c.traceID, AppID: c.appID, Endpoint: c.endpoint}
	case !hasData:
		return malformed(errors.New("the answer has no data"))
	}
	if err := c.out.check(); err != nil {
		return malformed(err)
	}
	return nil
}
