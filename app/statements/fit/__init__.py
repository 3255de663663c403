"""The fit report: what a plan would refuse or make dearer, by the usage of now and of the past year.

One computation for the change page, the cancellation page and the API's preview. Must not know about pages, Stripe or
payments.
"""
