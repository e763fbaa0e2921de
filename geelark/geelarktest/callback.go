package geelarktest

import (
	"net/url"

	"geelark_exporter/geelark"
)

type callback struct {
	URL string `json:"url"`
}

// callbackSet answers callback/set ("Set Webhook URL"), whose sample has no
// data. The simulator sends no events to the URL.
func (s *Server) callbackSet(body []byte, _ Fault) (any, geelark.Code) {
	var request callback
	if code := decode(body, &request); code != geelark.CodeOK {
		return nil, code
	}
	u, err := url.Parse(request.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, geelark.CodeParameter
	}
	s.callback = request.URL
	return nil, geelark.CodeOK
}

// callbackGet answers callback/get ("Get Webhook URL").
func (s *Server) callbackGet(body []byte, _ Fault) (any, geelark.Code) {
	if code := decode(body, &struct{}{}); code != geelark.CodeOK {
		return nil, code
	}
	if s.callback == "" {
		return nil, geelark.CodeCallbackNotDefined
	}
	return callback{s.callback}, geelark.CodeOK
}
