"""python-gsmmodem as a client: `client.py DEVICE NUMBER WORDS` sends one text, waits for its report and for a text that comes."""

import json
import sys
import threading

from gsmmodem.modem import GsmModem

LIMIT = 60


def main():
    device, number, words = sys.argv[1:]
    came, there = [], threading.Event()

    def received(sms):
        came.append([sms.number, sms.text])
        there.set()

    modem = GsmModem(device, 115200, smsReceivedCallbackFunc=received)
    modem.smsTextMode = False
    modem.connect()
    sent = modem.sendSms(number, words, waitForDeliveryReport=True, deliveryTimeout=LIMIT)
    there.wait(LIMIT)
    print(json.dumps({"maker": modem.manufacturer, "delivered": sent.report.deliveryStatus == 0, "came": came}))
    modem.close()


main()
