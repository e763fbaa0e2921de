package geelark

import (
	"slices"
	"strconv"
)

// A Code is the result code of a GeeLark answer: of a whole answer (the
// envelope's "code") or of one phone in it (failDetails' "code").
//
// Code implements error, so that callers can ask for one:
//
//	if errors.Is(err, geelark.CodeSignature) { ... }
//
// It mirrors the vendor's document [API Documentation], and "Cloud Phone Error
// Codes" of the [API reference].
//
// [API Documentation]: https://showdoc.geelark.com/web/#/602813392/101527834
// [API reference]: https://doc.geelark.com/web/#/602813392
type Code int

// The documented codes. Those of a phone that could not be started are failures
// of a start, never of a read.
const (
	CodeOK                 Code = 0     // success
	CodeUnknown            Code = 40000 // unknown error
	CodeBody               Code = 40001 // the request body could not be read
	CodeNoTraceID          Code = 40002 // the traceId header is empty
	CodeSignature          Code = 40003 // the signature or the token is refused
	CodeParameter          Code = 40004 // a parameter is not valid
	CodeNoResource         Code = 40005 // the requested resource does not exist
	CodePartial            Code = 40006 // a part of the batch succeeded
	CodeRateLimited        Code = 40007 // the minute's limit is broken, until the next minute
	CodePage               Code = 40008 // page or pageSize is not valid
	CodeBatchFailed        Code = 40009 // the whole batch failed
	CodePaidOnly           Code = 40011 // for paid accounts only
	CodeRetired            Code = 40012 // the API is retired
	CodeUserNotFound       Code = 40013 // the user does not exist
	CodeHourLimit          Code = 40014 // the hour's limit is broken, locked for two hours
	CodePermission         Code = 40015 // permission is missing
	CodeIPNotAllowed       Code = 40016 // the caller's address is not on the allow list
	CodeTooManyRequests    Code = 40017 // too many requests, try later
	CodeBalance            Code = 41001 // the balance is too low
	CodePhoneNotFound      Code = 42001 // the phone does not exist
	CodePhoneExpired       Code = 43004 // the phone is expired
	CodePhoneBusy          Code = 43005 // the phone is executing a task
	CodePhoneRemote        Code = 43006 // the phone is under remote control
	CodeStartCap           Code = 43008 // the plan's starts of the day are used up
	CodePhoneUnavailable   Code = 43020 // the phone cannot be started now
	CodeStartRefused43029  Code = 43029 // the phone could not be started
	CodePhoneProxy         Code = 45002 // the phone could not be started for its proxy
	CodePlanExpired        Code = 46001 // the plan is expired
	CodePlanLimit46002     Code = 46002 // over a limit of the plan
	CodePlanLimit46003     Code = 46003 // over a limit of the plan
	CodeStartRefused47001  Code = 47001 // the phone could not be started
	CodeCrowded            Code = 47002 // too many calls at a time, try later; of a start, no free device
	CodeStartRefused47004  Code = 47004 // the phone could not be started
	CodeInternal           Code = 50000 // internal server error
	CodeCallbackNotDefined Code = 51001 // no callback URL is set
)

// Codes returns all documented codes, ascending.
func Codes() []Code {
	return []Code{
		CodeOK, CodeUnknown, CodeBody, CodeNoTraceID, CodeSignature, CodeParameter, CodeNoResource, CodePartial,
		CodeRateLimited, CodePage, CodeBatchFailed, CodePaidOnly, CodeRetired, CodeUserNotFound, CodeHourLimit,
		CodePermission, CodeIPNotAllowed, CodeTooManyRequests, CodeBalance, CodePhoneNotFound, CodePhoneExpired,
		CodePhoneBusy, CodePhoneRemote, CodeStartCap, CodePhoneUnavailable, CodeStartRefused43029,
		CodePhoneProxy, CodePlanExpired, CodePlanLimit46002, CodePlanLimit46003, CodeStartRefused47001,
		CodeCrowded, CodeStartRefused47004, CodeInternal, CodeCallbackNotDefined,
	}
}

// Documented reports whether c is one of [Codes].
func (c Code) Documented() bool { return slices.Contains(Codes(), c) }

// String returns the code's documented meaning, or "undocumented code".
func (c Code) String() string {
	switch c {
	case CodeOK:
		return "success"
	case CodeUnknown:
		return "unknown error"
	case CodeBody:
		return "request body could not be read"
	case CodeNoTraceID:
		return "trace id is empty"
	case CodeSignature:
		return "signature or token refused"
	case CodeParameter:
		return "parameter not valid"
	case CodeNoResource:
		return "resource does not exist"
	case CodePartial:
		return "part of the batch succeeded"
	case CodeRateLimited:
		return "rate limited until the next minute"
	case CodePage:
		return "page not valid"
	case CodeBatchFailed:
		return "whole batch failed"
	case CodePaidOnly:
		return "for paid accounts only"
	case CodeRetired:
		return "API retired"
	case CodeUserNotFound:
		return "user does not exist"
	case CodeHourLimit:
		return "hourly limit broken, locked for two hours"
	case CodePermission:
		return "permission missing"
	case CodeIPNotAllowed:
		return "address not on the allow list"
	case CodeTooManyRequests:
		return "too many requests"
	case CodeBalance:
		return "balance too low"
	case CodePhoneNotFound:
		return "phone does not exist"
	case CodePhoneExpired:
		return "phone expired"
	case CodePhoneBusy:
		return "phone is executing a task"
	case CodePhoneRemote:
		return "phone is under remote control"
	case CodeStartCap:
		return "starts of the day used up"
	case CodePhoneUnavailable:
		return "phone is not available now"
	case CodePhoneProxy:
		return "phone's proxy is not available"
	case CodeStartRefused43029, CodeStartRefused47001, CodeStartRefused47004:
		return "phone could not be started"
	case CodePlanExpired:
		return "plan expired"
	case CodePlanLimit46002, CodePlanLimit46003:
		return "over a limit of the plan"
	case CodeCrowded:
		return "too many calls at a time, or no free device"
	case CodeInternal:
		return "internal server error"
	case CodeCallbackNotDefined:
		return "no callback URL is set"
	}
	return "undocumented code"
}

// Error returns the code's number and its meaning.
func (c Code) Error() string { return strconv.Itoa(int(c)) + ": " + c.String() }
