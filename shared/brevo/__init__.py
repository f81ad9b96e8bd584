"""Brevo's API: a requests session, its errors, its pace. https://developers.brevo.com/reference"""
