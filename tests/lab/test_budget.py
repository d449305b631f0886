"""A budget holds whatever is sent side by side, and whatever the endpoint says or does not say."""

import asyncio
import json
import math

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.errors import BudgetExceeded, ConfigurationError
from labtools.lab.budget import Budget, Meter
from labtools.model.profile import Prices
from labtools.records import TokenCount
from labtools.transport.arrivals import StampingTransport

PRICES = Prices(input_usd_per_million=1_000_000, output_usd_per_million=2_000_000)


class Endpoint(httpx2.AsyncBaseTransport):
    """Answers after one second, with a usage if it has one."""

    def __init__(self, usage=(10, 5), status=200, headers_s=1.0, body_s=1.0):
        self.usage, self.status, self.seen = usage, status, 0
        self.headers_s, self.body_s = headers_s, body_s

    async def handle_async_request(self, request):
        self.seen += 1
        await asyncio.sleep(self.headers_s)
        if self.status is None:
            raise httpx2.ConnectError("nobody there")
        counted = self.usage and dict(
            zip(("prompt_tokens", "completion_tokens"), self.usage, strict=True)
        )
        return httpx2.Response(
            self.status, stream=Later(json.dumps({"usage": counted}).encode(), self.body_s)
        )


class Later(httpx2.AsyncByteStream):
    def __init__(self, body, body_s):
        self.body, self.body_s = body, body_s

    async def __aiter__(self):
        await asyncio.sleep(self.body_s)
        yield self.body


@pytest.fixture
def metered(sim):
    """A meter in front of an endpoint, and how to send through it."""

    def metered(budget, endpoint=None):
        meter = Meter(StampingTransport(endpoint or Endpoint()), budget)
        client = httpx2.AsyncClient(transport=meter, base_url="http://e", trust_env=False)

        def send(*bodies, together=False, method="POST"):
            async def one(body):
                return await client.request(method, "/", json=body)

            async def all_of_them():
                if together:
                    return await asyncio.gather(*map(one, bodies), return_exceptions=True)
                return [await one(body) for body in bodies]

            return sim.run(all_of_them())

        return meter, send

    return metered


def body(max_tokens=None, **fields):
    return {"max_tokens": max_tokens, **fields} if max_tokens is not None else fields


def worst_of(request):
    """The most that a request may cost: its own length and the limit that it names."""
    text = json.dumps(request, separators=(",", ":"), ensure_ascii=False)
    return -(-len(text) // 4) + (request.get("max_tokens") or 0) * (request.get("n") or 1)


def test_what_was_spent_is_what_the_endpoint_says(metered):
    meter, send = metered(Budget(prices=PRICES))
    send(body(100), body(100))
    assert meter.requests == 2
    assert meter.spent == TokenCount(20, 0, 10)
    assert meter.spent.cost_usd(PRICES) == 20 * 1 + 10 * 2


def test_without_a_usage_the_worst_case_stands(metered):
    meter, send = metered(Budget(), Endpoint(usage=None))
    send(body(100))
    assert meter.spent.total == worst_of(body(100))


def test_looking_at_a_models_list_costs_nothing(metered):
    meter, send = metered(Budget(requests=0))
    send({}, method="GET")
    assert meter.requests == 0


def test_the_request_that_would_pass_the_limit_is_not_sent(metered):
    endpoint = Endpoint()
    meter, send = metered(Budget(requests=2), endpoint)
    with pytest.raises(BudgetExceeded, match=r"budget of 2 requests. Nothing was sent.*Budget\("):
        send(body(), body(), body())
    assert endpoint.seen == meter.requests == 2


def test_tokens_are_limited_by_the_worst_case_before_and_by_usage_after(metered):
    # Each request may cost 100 and some; each costs 15.
    meter, send = metered(Budget(tokens=140))
    send(body(100), body(100), body(100))
    assert meter.spent.total == 45
    with pytest.raises(BudgetExceeded, match=r"140 tokens \(45 spent, \d+ more asked for\)"):
        send(body(100))


def test_dollars_are_limited_too(metered):
    meter, send = metered(Budget(usd=50, prices=PRICES))
    send(body(5))
    assert meter.spent.cost_usd(PRICES) == 20
    with pytest.raises(BudgetExceeded, match=r"50 US dollars \(20.0000 spent\)"):
        send(body(20))


@pytest.mark.parametrize(
    "endpoint", [Endpoint(headers_s=5, body_s=0), Endpoint(headers_s=0, body_s=5)]
)
def test_requests_side_by_side_do_not_pass_the_limit_together(metered, endpoint):
    _, send = metered(Budget(tokens=250), endpoint)
    outcomes = send(*[body(100)] * 5, together=True)
    refused = [isinstance(outcome, BudgetExceeded) for outcome in outcomes]
    assert refused == [False, False, True, True, True]
    assert endpoint.seen == 2


def test_a_request_that_was_never_answered_costs_no_tokens(metered):
    meter, send = metered(Budget(tokens=150), Endpoint(status=None))
    with pytest.raises(httpx2.ConnectError):
        send(body(100))
    assert meter.spent.total == 0
    assert meter.requests == 1


def test_a_request_that_was_refused_costs_no_tokens(metered):
    meter, send = metered(Budget(tokens=150), Endpoint(status=429))
    send(body(100), body(100), body(100))
    assert meter.spent.total == 0
    assert meter.requests == 3


def test_a_body_that_nobody_read_to_its_end_stays_at_its_worst_case(sim):
    meter = Meter(StampingTransport(Endpoint()), Budget())

    async def look_away():
        async with (
            httpx2.AsyncClient(transport=meter, trust_env=False) as client,
            client.stream("POST", "http://e/", json=body(100)),
        ):
            pass

    sim.run(look_away())
    assert meter.spent.total == worst_of(body(100))


@pytest.mark.parametrize(
    "request_body",
    [
        {"max_completion_tokens": 100},
        {"max_output_tokens": 100},
        {"max_tokens": 50, "n": 2},
        {"max_completion_tokens": 100, "max_tokens": None},
    ],
)
def test_every_name_of_the_limit_counts(metered, request_body):
    _, send = metered(Budget(tokens=105), Endpoint(usage=None))
    with pytest.raises(BudgetExceeded):
        send(request_body)


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none())


@given(
    st.dictionaries(st.sampled_from(["max_tokens", "max_completion_tokens", "n"]), values) | values
)
def test_no_body_is_too_odd_to_count(new_sim, odd):
    sim, meter = new_sim(), Meter(StampingTransport(Endpoint()), Budget(tokens=math.inf))

    async def send():
        async with httpx2.AsyncClient(transport=meter, trust_env=False) as client:
            await client.post("http://e/", content=json.dumps(odd).encode())

    sim.run(send())
    assert meter.spent == TokenCount(10, 0, 5)
    sim.loop.close()


@pytest.mark.parametrize(
    "limits",
    [
        {"requests": -1},
        {"tokens": -1},
        {"tokens": math.nan},
        {"requests": math.nan},
        {"usd": -1, "prices": PRICES},
        {"usd": math.nan, "prices": PRICES},
    ],
)
def test_a_limit_is_a_number_from_nought(limits):
    with pytest.raises(ConfigurationError, match="must be 0 or more"):
        Budget(**limits)


def test_dollars_need_prices():
    with pytest.raises(ConfigurationError, match=r"prices=Prices\(\.\.\.\)"):
        Budget(usd=5)


def test_unlimited_is_unlimited(metered):
    meter, send = metered(Budget.unlimited())
    send(*[body(10**9)] * 50)
    assert meter.requests == 50


@pytest.mark.parametrize("error", [httpx2.ReadTimeout("late"), httpx2.ReadError("gone")])
def test_a_request_that_was_sent_and_not_answered_counts_as_its_worst_case(metered, error):
    class Silent(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request):
            raise error

    meter, send = metered(Budget(tokens=150), Silent())
    with pytest.raises(type(error)):
        send(body(100))
    assert meter.spent.total == worst_of(body(100))
    with pytest.raises(BudgetExceeded, match="150 tokens"):
        send(body(100))


def test_a_call_that_is_given_up_before_its_answer_counts_too(sim):
    meter = Meter(StampingTransport(Endpoint(headers_s=9)), Budget())

    async def give_up():
        async with httpx2.AsyncClient(transport=meter, base_url="http://e") as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await client.post("/", json=body(100))

    sim.run(give_up())
    assert meter.spent.total == worst_of(body(100))
