"""The page that says why a person is (not) in the list: by address or customer number, and what it keeps of them."""


def test_box_keeps_what_was_asked_and_nothing_else_of_the_page_has_the_address(browser):
    browser.flow.run()
    page = browser.send("/person", export=browser.flow.export_id, email="ana@example.com")
    assert "is in the list" in page.text.casefold() or "in list" in page.text.casefold()
    assert page.html.count("ana@example.com") == 1
    assert 'name="email" inputmode="email" maxlength="320" autocomplete="off" value="ana@example.com"' in page.html
    assert page.headers["cache-control"] == "no-store"
    assert "ana@example.com" not in browser.open("/person").html


def test_what_is_no_address_is_said_at_its_field_and_stays_in_it(browser):
    page = browser.send("/person", export=browser.flow.export_id, email="nobody<b>")
    assert page.status == 422
    assert "That is no e-mail address." in page.text
    assert 'value="nobody&lt;b&gt;" aria-describedby="problem"' in page.html
    page = browser.send("/person", export=browser.flow.export_id, email="", customer_id="")
    assert page.status == 422
    assert "That is no e-mail address." in page.text


def test_person_without_a_usable_address_is_asked_for_by_the_customer_number(browser):
    browser.flow.run()
    page = browser.send("/person", export=browser.flow.export_id, email="", customer_id="3")
    assert "their row cannot be sent: invalid e-mail address" in page.text
    assert "line 4, customer 3" in page.text
    assert 'name="customer_id" inputmode="text" maxlength="100" autocomplete="off" value="3"' in page.html
