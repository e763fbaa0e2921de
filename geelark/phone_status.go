package geelark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// MaxStatusIDs is the most ids that one [Client.PhoneStatus] call takes.
const MaxStatusIDs = 100

// A Status is a phone's status code. Codes that are not documented are kept as
// they are.
type Status int

// The documented statuses.
const (
	StatusStarted  Status = 0
	StatusStarting Status = 1
	StatusShutDown Status = 2
	StatusExpired  Status = 3 // known from phone/status only, phone/list has no such code
)

// String returns the status in the words of metric labels: "started",
// "starting", "shut_down", "expired", and "unknown" for any other code.
func (s Status) String() string {
	switch s {
	case StatusStarted:
		return "started"
	case StatusStarting:
		return "starting"
	case StatusShutDown:
		return "shut_down"
	case StatusExpired:
		return "expired"
	}
	return "unknown"
}

// PhoneStatuses is the answer of phone/status (document "Query status"). An
// answer may name an id more than once, leave one out, or name one that was not
// asked for.
type PhoneStatuses struct {
	// At is when the answered request was sent: the statuses are at least as
	// new.
	At       time.Time
	Phones   []PhoneStatus
	Failures []PhoneFailure
}

// A PhoneStatus is one phone's status.
type PhoneStatus struct {
	ID         string
	SerialName string
	Status     Status
}

// A PhoneFailure is one phone that could not be looked up.
type PhoneFailure struct {
	ID   string
	Code Code
}

// PhoneStatus returns the status of 1 to [MaxStatusIDs] phones.
//
// Its errors are [*TransportError], [*HTTPError], [*APIError], [*LimitError]
// and [*CredentialsError]. A phone that cannot be looked up is not an error but
// a failure in the answer.
func (c *Client) PhoneStatus(ctx context.Context, ids []string) (*PhoneStatuses, error) {
	return c.phoneStatus(ctx, nil, ids)
}

// PhoneStatus is [Client.PhoneStatus] in the reserved place, which is used up by
// it. Repetitions find their own places.
func (r *Reservation) PhoneStatus(ctx context.Context, ids []string) (*PhoneStatuses, error) {
	defer r.Cancel()
	return r.client.phoneStatus(ctx, r, ids)
}

func (c *Client) phoneStatus(ctx context.Context, reserved *Reservation, ids []string) (*PhoneStatuses, error) {
	if len(ids) < 1 || len(ids) > MaxStatusIDs {
		return nil, fmt.Errorf("%s: takes 1 to %d ids, not %d", EndpointPhoneStatus, MaxStatusIDs, len(ids))
	}
	var data phoneStatusData
	at, err := c.call(ctx, EndpointPhoneStatus, reserved, map[string][]string{"ids": ids}, &data)
	if err != nil {
		return nil, err
	}
	r := &PhoneStatuses{At: at}
	for _, d := range data.SuccessDetails {
		r.Phones = append(r.Phones, PhoneStatus{ID: string(*d.ID), SerialName: d.SerialName, Status: Status(*d.Status)})
	}
	for _, d := range data.FailDetails {
		r.Failures = append(r.Failures, PhoneFailure{ID: string(*d.ID), Code: Code(*d.Code)})
	}
	return r, nil
}

type phoneStatusData struct {
	SuccessDetails list[struct {
		ID         *flexID  `json:"id"`
		SerialName string   `json:"serialName"`
		Status     *flexInt `json:"status"`
	}] `json:"successDetails"`
	FailDetails list[struct {
		ID   *flexID  `json:"id"`
		Code *flexInt `json:"code"`
	}] `json:"failDetails"`
}

// UnmarshalJSON refuses details without an id or a code: a missing status must
// not read as 0, started, and data without details must not read as phones that
// were left out.
func (d *phoneStatusData) UnmarshalJSON(b []byte) error {
	type plain phoneStatusData
	if err := json.Unmarshal(b, (*plain)(d)); err != nil {
		return err
	}
	if d.SuccessDetails == nil && d.FailDetails == nil {
		return errors.New("neither successDetails nor failDetails")
	}
	for _, s := range d.SuccessDetails {
		if s.ID == nil || *s.ID == "" || s.Status == nil {
			return errors.New("success without id or status")
		}
	}
	for _, f := range d.FailDetails {
		if f.ID == nil || *f.ID == "" || f.Code == nil {
			return errors.New("failure without id or code")
		}
	}
	return nil
}
